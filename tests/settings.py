"""The application's own settings, made fast and kept away from the developer's data and environment."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_DATA = tempfile.mkdtemp(prefix="aim-test-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)

# What the developer has set for a running copy may not reach the tests. TEST_DATABASE_URL is how they are asked to
# run on PostgreSQL.
for _name in [name for name in os.environ if name.startswith("AIM_") or name == "DATABASE_URL"]:
    del os.environ[_name]
os.environ["AIM_DATA_DIR"] = _DATA
if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from marketplace.environment import ServerKeys  # noqa: E402
from marketplace.settings import *  # noqa: E402, F403
from marketplace.settings import ALLOWED_HOSTS, DATABASES, LOGGING, STORAGES  # noqa: E402
from providers.endpoint import PrivateEndpoints  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file and not memory: server threads open connections of their own.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_DATA) / "test.sqlite3")}
    # Lost on a power cut, which a test database may be.
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"]["OPTIONS"],
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF;",
    }

# Pages are tested without collecting static files first.
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

WHITENOISE_USE_FINDERS = True

# Lines of the log belong to the test that caused them, so no thread may write them later.
LOGGING = {
    **LOGGING,
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
}

# Nothing private may be reached; a test that runs a fake provider asks for the `allow_private` fixture.
AIM_PRIVATE_ENDPOINTS = PrivateEndpoints()

# The developer's own provider keys are none of the tests' business.
AIM_ENV_KEYS = ServerKeys({})
