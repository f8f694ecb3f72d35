"""Mistral speaks chat completions."""

from tests.contracts.expected.openai_chat import read

__all__ = ["read"]
