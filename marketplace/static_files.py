"""Style, scripts and images, served on ASGI with whitenoise's compressed, hashed files.

Not as Django middleware: there every file would cost a thread, and every page a pass through it.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from wsgiref.headers import Headers

from django.contrib.staticfiles import finders
from whitenoise.base import WhiteNoise

from marketplace.edge import REQUEST_ID, App, Receive, Scope, Send

_HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+$")
# Should somebody open an SVG as a page, nothing in it may run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class StaticFiles:
    """Answers what lies under ``prefix``; ``live`` looks for files where they are written, each time."""

    def __init__(self, app: App, root: Path, prefix: str, *, live: bool) -> None:
        self.app, self.prefix, self.live = app, prefix, live
        self.noise = WhiteNoise(
            None,
            max_age=0 if live else 3600,
            allow_all_origins=False,
            add_headers_function=_headers,
            immutable_file_test=lambda path, url: bool(_HASHED.search(url)),
        )
        if not live and root.is_dir():
            self.noise.add_files(str(root), prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(self.prefix):
            return await self.app(scope, receive, send)
        headers = {
            f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}": value.decode("latin-1")
            for name, value in scope["headers"]
        }
        found = await asyncio.to_thread(self._answer, scope["path"], scope["method"], headers)
        if found is None:  # Django's page for what is not there
            return await self.app(scope, receive, send)
        status, lines, body = found
        raw = [(name.lower().encode(), value.encode()) for name, value in lines]
        raw.append((b"x-request-id", scope.get(REQUEST_ID, "").encode()))
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    def _answer(
        self, path: str, method: str, headers: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes] | None:
        file = self._live_file(path) if self.live else self.noise.files.get(path)
        if file is None:
            return None
        response = file.get_response(method, headers)
        body = b""
        if response.file is not None:
            with response.file:
                body = response.file.read()
        return int(response.status), list(response.headers), body

    def _live_file(self, path: str):  # type: ignore[no-untyped-def]  # whitenoise's StaticFile, which is untyped
        if not self.noise.url_is_canonical(path):
            return None
        found = finders.find(path.removeprefix(self.prefix))
        return self.noise.get_static_file(found, path) if found and Path(found).is_file() else None


def _headers(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Content-Security-Policy"] = _POLICY
