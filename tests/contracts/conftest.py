"""The running server, as the tests of the gateway have it."""

from tests.aiproxy.conftest import fake, fake_server, machine  # noqa: F401  # fixtures
