"""Static files on ASGI. How they look once collected is in test_serve.py."""

import pytest

from marketplace.static_files import StaticFiles

NOT_MINE = "passed on"


async def app(scope, receive, send):
    await send({"type": NOT_MINE})


async def nothing():
    raise AssertionError("a file is sent without reading a body")


@pytest.fixture
def get(tmp_path):
    """``get(path)`` asks for a file; what is sent back, or the type of the only message."""

    async def get(path, *, live=False, method="GET", **headers):
        (tmp_path / "a.0123456789ab.css").write_text("a {}")
        (tmp_path / "a.css").write_text("a {}")
        sent = []

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "path": path,
            "method": method,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await StaticFiles(app, tmp_path, "/static/", live=live)(scope, nothing, send)
        if sent[0]["type"] == NOT_MINE:
            return NOT_MINE
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    return get


async def test_file_with_a_hash_in_its_name_is_kept_for_ever(get):
    status, headers, body = await get("/static/a.0123456789ab.css")
    assert (status, body) == (200, b"a {}")
    assert b"immutable" in headers[b"cache-control"]


async def test_other_file_is_kept_for_a_while(get):
    _, headers, _ = await get("/static/a.css")
    assert headers[b"cache-control"] == b"max-age=3600, public"


async def test_nothing_in_a_file_may_run_as_a_page(get):
    _, headers, _ = await get("/static/a.css")
    assert b"sandbox" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"


async def test_head_has_no_body(get):
    status, _, body = await get("/static/a.css", method="HEAD")
    assert (status, body) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/", "/static", "/static/", "/static/b.css", "/static/../a.css", "/a.css"]
)
async def test_everything_else_is_the_applications(get, path):
    assert await get(path) == NOT_MINE
    assert await get(path, live=True) == NOT_MINE


async def test_live_file_comes_from_where_it_is_written(get):
    status, headers, body = await get("/static/css/tokens.css", live=True)
    assert status == 200
    assert b"--" in body
    assert headers[b"cache-control"] == b"max-age=0, public"
