from __future__ import annotations

import pytest

from aiproxy.protocols.sealing import SEAL, seal, unseal
from providers.errors import InvalidRequest


def test_state_comes_back_as_it_was():
    state = {"gemini": {"thoughtSignature": "c2VhbA=="}}
    assert unseal(seal(state), "signature") == state


def test_seal_says_that_it_is_ours():
    assert seal({"a": {}}).startswith(SEAL)


@pytest.mark.parametrize("text", [SEAL + "!", SEAL + "e30", SEAL + "W10=", SEAL + "eyJhIjoxfQ=="])
def test_damaged_seal_is_named(text):
    with pytest.raises(InvalidRequest) as caught:
        unseal(text, "input[0].encrypted_content")
    assert "input[0].encrypted_content" in caught.value.message
