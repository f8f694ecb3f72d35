from __future__ import annotations

from aiproxy.state.shelf import OVERHEAD, Shelf


def test_gives_back_what_was_put():
    shelf = Shelf(1000)
    shelf.put("a", b"one", 60)
    assert (shelf.get("a"), shelf.get("b")) == (b"one", None)


def test_what_was_used_longest_ago_goes_first():
    shelf = Shelf(2 * (10 + OVERHEAD))
    shelf.put("a", b"x" * 10, 60)
    shelf.put("b", b"x" * 10, 60)
    shelf.get("a")
    shelf.put("c", b"x" * 10, 60)
    assert [shelf.get(key) is not None for key in "abc"] == [True, False, True]


def test_never_holds_more_bytes_than_its_limit():
    shelf = Shelf(5000)
    for number in range(100):
        shelf.put(str(number % 30), b"x" * number * 20, 60)
        assert shelf.size <= 5000


def test_what_is_larger_than_all_of_it_is_not_kept():
    shelf = Shelf(100)
    shelf.put("a", b"x" * 200, 60)
    assert (shelf.get("a"), shelf.size) == (None, 0)


def test_putting_again_replaces():
    shelf = Shelf(5000)
    shelf.put("a", b"one", 60)
    shelf.put("a", b"two", 60)
    assert (shelf.get("a"), shelf.size) == (b"two", 3 + OVERHEAD)


def test_what_is_too_old_is_gone_and_takes_no_room():
    shelf = Shelf(5000)
    shelf.put("a", b"one", 0)
    assert (shelf.get("a"), shelf.size) == (None, 0)
