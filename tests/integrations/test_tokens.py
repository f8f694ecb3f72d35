from __future__ import annotations

import re
import uuid

import pytest

from integrations import credentials, tokens
from integrations.errors import NotAllowed
from integrations.tokens import SCOPES, Caller

pytestmark = pytest.mark.django_db  # a ring is made only when nothing stored needs a lost one

VECTOR = "aimp_000000000000000000000000000000000000000000138Lh75"


def test_vector_of_the_format_is_well_formed():
    assert tokens.well_formed(VECTOR)


def test_minted_token_has_the_format():
    text = tokens.mint().text.plain()
    assert len(text) == 54
    assert re.fullmatch(r"\baim[psor]_[0-9A-Za-z]{49}\b", text)
    assert tokens.well_formed(text)


def test_minted_token_is_shown_by_its_ends_only():
    minted = tokens.mint()
    text = minted.text.plain()
    assert (minted.prefix, minted.last4) == (text[:9], text[-4:])
    assert text not in repr(minted)


def test_no_two_tokens_are_alike():
    assert len({tokens.mint().text.plain() for _ in range(200)}) == 200


def test_every_typo_of_one_character_is_found():
    text = tokens.mint().text.plain()
    for position, right in enumerate(text):
        for wrong in "0Oo1lIaZz_- é":
            if wrong != right:
                assert not tokens.well_formed(text[:position] + wrong + text[position + 1 :])


def test_swapped_neighbours_are_found():
    text = tokens.mint().text.plain()
    for position in range(len(text) - 1):
        swapped = text[:position] + text[position + 1] + text[position] + text[position + 2 :]
        assert swapped == text or not tokens.well_formed(swapped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aimp_",
        "' OR '1'='1",
        "sk-proj-1234",
        VECTOR[:-1],
        VECTOR + "5",
        VECTOR + "\n",
        " " + VECTOR,
        VECTOR.replace("aimp_", "aims_"),
        VECTOR.upper(),
        "\N{ARABIC-INDIC DIGIT ZERO}" * 54,
    ],
)
def test_what_is_no_token_is_not_well_formed(text):
    assert not tokens.well_formed(text)


def test_digest_depends_on_the_key_ring(settings, tmp_path):
    text = tokens.mint().text.plain()
    here = tokens.digests(text)
    settings.AIM_MASTER_KEY_FILE = tmp_path / "elsewhere" / "master.key"
    assert tokens.digests(text) != here


def test_digest_is_of_the_whole_token():
    first, second = VECTOR, VECTOR[:-1] + "6"
    assert tokens.digests(first) != tokens.digests(second)
    assert all(len(digest) == 64 for digest in tokens.digests(first))


def test_digest_names_the_key_its_pepper_comes_from():
    minted = tokens.mint()
    assert minted.pepper_id == credentials.ring().primary
    assert tokens.digests(minted.text.plain()) == (minted.digest,)


def test_caller_may_do_what_its_scopes_say():
    caller = Caller(uuid.uuid4(), scopes=frozenset({"chat"}))
    caller.need("chat")
    with pytest.raises(NotAllowed, match="embeddings") as caught:
        caller.need("embeddings")
    assert (caught.value.status, caught.value.code) == (403, "auth_failed")


def test_caller_without_restriction_may_use_any_integration():
    assert Caller(uuid.uuid4()).may_use(uuid.uuid4())


def test_restricted_caller_may_use_only_what_is_named():
    one = uuid.uuid4()
    caller = Caller(uuid.uuid4(), integration_ids=frozenset({one}))
    assert caller.may_use(one)
    assert not caller.may_use(uuid.uuid4())


def test_caller_restricted_to_nothing_may_use_nothing():
    assert not Caller(uuid.uuid4(), integration_ids=frozenset()).may_use(uuid.uuid4())


def test_signed_in_person_may_do_everything():
    caller = tokens.signed_in(uuid.uuid4())
    for scope in SCOPES:
        caller.need(scope)
    assert caller.token_id is None
