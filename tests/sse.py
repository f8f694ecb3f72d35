"""Reading server-sent events in tests, written apart from the code under test."""

from __future__ import annotations


def frames(body: bytes) -> list[tuple[str, str]]:
    """(event name, data) of each frame; the name is "message" where none was given."""
    found = []
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        name, data = "message", []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            if field == "event":
                name = value.strip()
            elif field == "data":
                data.append(value.removeprefix(" "))
        if data:
            found.append((name, "\n".join(data)))
    return found
