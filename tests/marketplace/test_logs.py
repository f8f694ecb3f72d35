"""No secret reaches the log, whoever writes it."""

import json
import logging

import pytest
import structlog

from marketplace import logs

SECRETS = [
    "aimp_000000000000000000000000000000000000000000138Lh75",
    "sk-proj-canary1234567890",
    "sk-ant-api03-canary1234567890",
    "gsk_canary1234567890",
    "AIzaSyCanary1234567890",
    "hf_canary1234567890",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_key_is_hidden_wherever_it_stands(secret):
    event = {
        "event": f"provider said: bad key {secret}, try again",
        "nested": {"deep": [f"x {secret}"]},
        "error": ValueError(secret),
        "raw": secret.encode(),
    }
    assert secret not in str(logs.redact(None, "info", event))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer [hidden]"),
        ("GET /v1beta/models?key=canary&x=1", "GET /v1beta/models?key=[hidden]&x=1"),
        ("postgres://aim:canary@db/aim", "postgres://[hidden]@db/aim"),
    ],
)
def test_secret_is_known_by_what_stands_before_it(text, clean):
    assert logs.redact(None, "info", {"event": text})["event"] == clean


@pytest.mark.parametrize(
    "name", ["api_key", "password", "Authorization", "cookie", "token", "client_secret"]
)
def test_value_of_a_secret_name_is_hidden(name):
    assert logs.redact(None, "info", {name: "plain"})[name] == "[hidden]"


def test_numbers_and_counts_stay():
    event = {"input_tokens": 12, "token_id": "0a9e", "status": 401, "tokens": 3}
    assert logs.redact(None, "info", event) == event


@pytest.mark.parametrize(
    "text", ["sk-" * 20_000, "a://" * 16_000, "bearer " * 9_000, "aimp_" + "x" * 60_000]
)
def test_a_very_long_line_is_redacted_in_linear_time(text):
    """Were it more than linear, these would take hours, and the suite's time limit would end them."""
    logs.redact(None, "info", {"event": text * 30})


@pytest.fixture
def write(request):
    """``write(form, call)`` gives the line that ``call(logger)`` makes under ``form``."""
    before = (logging.root.handlers[:], logging.root.level)

    def line(form, call):
        formatter = logs.config("DEBUG", form)["formatters"]["line"]
        options = {name: value for name, value in formatter.items() if name != "()"}
        handler = _Memory()
        handler.setFormatter(structlog.stdlib.ProcessorFormatter(**options))
        logger = logging.getLogger("tests.logs")
        logger.handlers, logger.propagate = [handler], False
        call(logger)
        return handler.lines[0]

    yield line
    logging.root.handlers, logging.root.level = before


class _Memory(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


def test_json_line_carries_the_request_id(write):
    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        line = json.loads(write("json", lambda logger: logger.warning("hello %s", "you")))
    assert line["event"] == "hello you"
    assert line["request_id"] == "req_1"
    assert line["level"] == "warning"
    assert line["logger"] == "tests.logs"


@pytest.mark.parametrize("form", ["json", "console"])
def test_traceback_is_clean_too(write, form):
    def fail(logger):
        try:
            raise ValueError(SECRETS[0])
        except ValueError:
            logger.exception("failed")

    line = write(form, fail)
    assert "ValueError" in line
    assert SECRETS[0] not in line


def test_newline_in_a_value_makes_no_second_json_line(write):
    line = write("json", lambda logger: logger.warning('x\n{"event": "forged"}'))
    assert "\n" not in line
