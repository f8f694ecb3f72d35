"""Every client dialect with every provider format: what one end says, the other end understands."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aiproxy.gateway import packing, replay
from aiproxy.protocols.base import Context
from providers.adapters import ADAPTERS
from providers.adapters.base import Adapter, Host
from providers.catalogue.spec import ModelSpec
from providers.events import Ended
from providers.registry import catalogue
from providers.wire import WireReply
from tests.contracts.round_trip.clients import CLIENTS
from tests.contracts.round_trip.providers import ENDS, SEALING_ENDS
from tests.contracts.round_trip.scenes import ANSWERS, ASK, CALLS, CITY, SCENES, Answer, Scene

# A model that can do everything its format can say, so that nothing is left out for its sake.
QUIRKS = {"structured_output": "native", "sampling": "full", "thinking": "adaptive"}


def format_of(end) -> str:
    """The wire format of an end: its provider's, unless it says another one of that provider's."""
    return getattr(end, "adapter", "") or catalogue()[end.provider].adapter


def pairs(ends):
    return [
        pytest.param(client, end, id=f"{client.protocol.name}-{format_of(end)}")
        for client in CLIENTS
        for end in ends
    ]


PAIRS = pairs(ENDS)
FORCING = pairs(end for end in ENDS if end.forces)
"""Providers that can be made to call a tool."""
SEALING = pairs(SEALING_ENDS)
"""Providers that seal their thoughts and want the seal back."""


def between(end) -> tuple[Adapter, Host]:
    provider = catalogue()[end.provider]
    quirks = {**QUIRKS, "efforts": ["low", "medium", "high"]}
    model = ModelSpec(id="m", quirks=quirks, capabilities=("reasoning",))
    return ADAPTERS[format_of(end)], Host(provider, model)


def asked(client, end, body: dict[str, Any]) -> dict[str, Any]:
    """The body the provider gets for a client's body."""
    adapter, host = between(end)
    # Google's clients name the model in the address, which the endpoint reads.
    request = replace(client.protocol.parse_request(body), model="m")
    wire = adapter.build(request, host)
    return json.loads(wire.content() or b"")


def context(client, body: dict[str, Any]) -> Context:
    return Context("req_1", "abc", "m", 1, style=client.protocol.style(body))


def answered(client, end, answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    """The body the client gets for a provider's whole answer."""
    adapter, host = between(end)
    reply = WireReply(200, {}, json.dumps(end.whole(answer)).encode())
    rendered = client.protocol.render_response(adapter.parse(reply, host), context(client, body))
    return json.loads(json.dumps(rendered))


def streamed(client, end, answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    """The same for a stream, put together again by the client."""
    adapter, host = between(end)
    parser = adapter.stream(host)
    renderer = client.protocol.stream(context(client, body))
    events = [*parser.feed(end.stream(answer)), *parser.close()]
    return client.join(b"".join(map(renderer.render, events)))


def replayed(client, end, answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    """The same for a whole answer that was kept and comes as a stream later."""
    adapter, host = between(end)
    whole = adapter.parse(WireReply(200, {}, json.dumps(end.whole(answer)).encode()), host)
    kept, _ = packing.unpack(packing.pack(whole))
    assert kept == whole
    renderer = client.protocol.stream(context(client, body))
    return client.join(b"".join(map(renderer.render, [*replay.events(kept), Ended()])))


def understood(scene: Scene, end) -> Scene:
    """``scene`` as far as the end's format can say it."""

    def seen(result):
        name = result.name if end.names_results else ""
        return replace(result, name=name, id=result.id if end.has_ids else "")

    def called(call):
        return replace(call, id=call.id if end.has_ids else "")

    turns = tuple(
        replace(turn, results=tuple(map(seen, turn.results)), calls=tuple(map(called, turn.calls)))
        for turn in scene.turns
    )
    choice = scene.choice if end.forces else ""
    if choice == "auto" and not getattr(end, "says_auto", True):
        choice = ""
    stop = scene.stop if getattr(end, "takes_stop", True) else ()
    return replace(scene, turns=turns, choice=choice, stop=stop)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize(("client", "end"), PAIRS)
def test_provider_understands_the_request(client, end, name):
    scene = SCENES[name]
    scene = scene if client.has_stop else replace(scene, stop=())
    read = end.read(asked(client, end, client.write(scene)))
    assert read == understood(scene, end)


@pytest.mark.parametrize("choice", ["none", "required", "weather"])
@pytest.mark.parametrize(("client", "end"), FORCING)
def test_tool_choice_is_carried(client, end, choice):
    scene = Scene((ASK,), tool=CITY, choice=choice)
    if choice == "none" and not getattr(end, "forbids", True):
        assert end.read(asked(client, end, client.write(scene))).tool is None
        return
    by_name = choice != "weather" or getattr(end, "forces_by_name", True)
    wanted = choice if by_name else "required"  # the named tool is the only one that is sent
    assert end.read(asked(client, end, client.write(scene))).choice == wanted


def expected(answer: Answer, end, read: Answer) -> Answer:
    """``answer`` with the call ids that had to be made up for a format without any."""
    if end.has_ids:
        return answer
    assert len({call.id for call in read.calls}) == len(answer.calls)
    made_up = [replace(c, id=r.id) for c, r in zip(answer.calls, read.calls, strict=True)]
    return replace(answer, calls=tuple(made_up))


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(("client", "end"), PAIRS)
def test_client_understands_the_answer(client, end, name):
    answer = ANSWERS[name]
    read = client.read(answered(client, end, answer, client.write(SCENES["text"])))
    assert read == expected(answer, end, read)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(("client", "end"), PAIRS)
def test_client_understands_the_stream(client, end, name):
    answer = ANSWERS[name]
    read = client.read(streamed(client, end, answer, client.write(SCENES["text"], stream=True)))
    assert read == expected(answer, end, read)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(("client", "end"), PAIRS)
def test_client_understands_the_replay(client, end, name):
    answer = ANSWERS[name]
    read = client.read(replayed(client, end, answer, client.write(SCENES["text"], stream=True)))
    assert read == expected(answer, end, read)


@pytest.mark.parametrize("way", [answered, streamed, replayed], ids=["whole", "stream", "replay"])
@pytest.mark.parametrize(("client", "end"), SEALING)
def test_sealed_thoughts_come_back_in_the_next_turn(client, end, way):
    """The client repeats the answer as it got it; the provider finds its seal where it had put it."""
    first = client.write(Scene((ASK,), tool=CITY), stream=way is not answered)
    answer = Answer("", CALLS, "Let me think.", seal="c2VhbA==", finish="tool_calls")
    got = way(client, end, answer, first)
    body = asked(client, end, client.repeat(client.write(SCENES["results"]), got))
    assert end.sealed(body) == ["c2VhbA=="]
    assert [call.name for turn in end.read(body).turns for call in turn.calls] == [
        "weather",
        "weather",
    ]
