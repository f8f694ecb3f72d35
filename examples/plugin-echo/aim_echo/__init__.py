"""What the marketplace reads: the providers' data, and the wire format that it does not have."""

from __future__ import annotations

from importlib.resources import files

from aim_echo.adapter import EchoAdapter

providers = [(files("aim_echo") / "echo.toml").read_text(encoding="utf-8")]
adapters = {"echo": EchoAdapter()}
