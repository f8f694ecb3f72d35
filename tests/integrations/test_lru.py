from __future__ import annotations

from integrations.lru import Lru


def test_forgets_what_was_used_longest_ago():
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    assert lru.get("a") == 1
    lru.put("c", 3)
    assert (lru.get("a"), lru.get("b"), lru.get("c")) == (1, None, 3)


def test_never_grows_beyond_its_size():
    lru: Lru[int, int] = Lru(10)
    for number in range(1000):
        lru.put(number, number)
    assert len(lru) == 10


def test_putting_again_replaces():
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("a", 2)
    assert lru.get("a") == 2
    assert len(lru) == 1


def test_clear_leaves_nothing():
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.clear()
    assert lru.get("a") is None
    assert len(lru) == 0
