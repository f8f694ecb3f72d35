"""Tokens that are none of ours: ten a minute, then none is looked up; and good ones go on."""

from __future__ import annotations

import pytest

from aiproxy.endpoints import strikes
from aiproxy.errors import TooManyBadTokens
from integrations.tokens import mint

CHAT = {"model": "sandbox/sandbox", "messages": [{"role": "user", "content": "Hi"}]}
HERE = "192.0.2.7"


def spoil(address: str, times: int = 10) -> None:
    for number in range(times):
        strikes.bad(address, f"bad {number}")


def test_the_eleventh_bad_token_of_a_minute_is_told_to_wait(machine):
    def call() -> int:
        return machine.post("/v1/chat/completions", CHAT, token="aimp_wrong").status_code

    assert {call() for _ in range(10)} == {401}
    refused = machine.post("/v1/chat/completions", CHAT, token="aimp_wrong")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit")
    assert 0 < int(refused.headers["retry-after"]) <= 6
    management = machine.get("/api/integrations", headers={"authorization": "Bearer aimp_wrong"})
    assert management.status_code == 429


def test_then_no_token_is_looked_up(machine, queries_of_server):
    spoil("127.0.0.1")
    unknown = mint().text.plain()
    with queries_of_server() as queries:
        assert machine.post("/v1/chat/completions", CHAT, token=unknown).status_code == 429
    assert not [query for query in queries if "accesstoken" in query]


def test_a_token_that_was_good_is_never_refused_for_its_neighbours(machine):
    assert machine.post("/v1/chat/completions", CHAT).status_code == 200
    spoil("127.0.0.1", 50)
    assert machine.post("/v1/chat/completions", CHAT).status_code == 200


def test_a_revoked_token_is_no_good_one_any_more():
    strikes.good("token")
    spoil(HERE)
    strikes.check(HERE, "token")
    strikes.bad(HERE, "token")
    with pytest.raises(TooManyBadTokens):
        strikes.check(HERE, "token")


def test_other_addresses_have_nothing_to_do_with_it():
    spoil(HERE)
    strikes.check("192.0.2.8", "token")
    strikes.check("", "token")


def test_addresses_of_one_ipv6_network_are_one_caller():
    spoil("2001:db8:1:2::1")
    with pytest.raises(TooManyBadTokens):
        strikes.check("2001:db8:1:2:ffff::9", "token")
    strikes.check("2001:db8:1:3::1", "token")


def test_no_more_addresses_are_remembered_than_fit():
    spoil(HERE)
    for number in range(strikes.ADDRESSES):
        strikes.bad(f"10.0.{number // 256}.{number % 256}", "x")
    strikes.check(HERE, "token")
