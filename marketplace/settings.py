"""Every setting, once. The variables begin with AIM_ (and DATABASE_URL, REDIS_URL); README.md has the table.

A bad value stops the start with one sentence that names the variable. With no variable at all the server runs on
SQLite, on this machine only, with everything it makes in ``var/``.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from marketplace import logs
from marketplace.environment import BadSetting, Environment, ServerKeys, redis_url
from marketplace.secret_key import load_or_create
from providers.endpoint import PrivateEndpoints

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment.of_process()

# --- Where things are kept ---

AIM_DATA_DIR = env.path("AIM_DATA_DIR", BASE_DIR / "var")
try:
    AIM_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    raise BadSetting(f"AIM_DATA_DIR: {AIM_DATA_DIR} cannot be made ({error.strerror}).") from None
AIM_MASTER_KEY_FILE = env.path("AIM_MASTER_KEY_FILE", AIM_DATA_DIR / "master.key")
SECRET_KEY = env.text("AIM_SECRET_KEY") or load_or_create(AIM_DATA_DIR / "secret.key")
if len(SECRET_KEY) < 32:
    raise BadSetting(
        "AIM_SECRET_KEY is too short; give at least 32 random characters, or leave it out."
    )

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{AIM_DATA_DIR / 'db.sqlite3'}")}
REDIS_URL = env.parsed("REDIS_URL", "", redis_url)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def counts_in(redis: str) -> dict[str, Any]:
    """Django's cache, in which django-ratelimit counts: in Redis, or in the database without one."""
    if not redis:
        return {"BACKEND": "marketplace.counts.DatabaseCounts"}
    return {
        "BACKEND": "marketplace.counts.RedisCounts",
        "LOCATION": redis,
        "KEY_PREFIX": "aim",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 0.25,
            "SOCKET_TIMEOUT": 0.25,
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",  # not pickle
            "CONNECTION_POOL_KWARGS": {"protocol": 2, "retry": None},
        },
    }


CACHES = {"default": counts_in(REDIS_URL)}
SILENCED_SYSTEM_CHECKS = [
    "django_ratelimit.W001",  # it cannot know the caches in counts.py
    "security.W004",  # HSTS is on as soon as AIM_PUBLIC_URL is https
    "security.W008",  # TLS ends at the proxy in front, which redirects
    "security.W021",  # preload is the domain owner's decision
]

# --- Who may reach it, and under which name ---

AIM_HOST = env.text("AIM_HOST", "127.0.0.1")
AIM_PORT = env.integer("AIM_PORT", 8000, least=1, most=65535)
MOST_WORKERS = 64
AIM_WORKERS = env.integer("AIM_WORKERS", 1, least=1, most=MOST_WORKERS)
AIM_TRUSTED_PROXIES = env.integer("AIM_TRUSTED_PROXIES", 0, least=0, most=8)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bound_to(host: str, port: int) -> dict[str, Any]:
    """The settings whose defaults depend on the address the server listens on (`manage.py serve --host --port`)."""
    name = f"[{host}]" if ":" in host else host
    everywhere = host in ("0.0.0.0", "::")
    public = env.url("AIM_PUBLIC_URL", f"http://{'127.0.0.1' if everywhere else name}:{port}")
    local = "localhost,127.0.0.1,[::1]"
    private = ",".join(f"{one}:{p}" for p in (11434, 1234) for one in local.split(","))
    parts = urlsplit(public)
    own_names = {name, f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname}
    return {
        "AIM_HOST": host,
        "AIM_PORT": port,
        "AIM_PUBLIC_URL": public,
        # Ollama's and LM Studio's ports on this machine, unless others can reach this server too.
        "AIM_PRIVATE_ENDPOINTS": env.parsed(
            "AIM_PRIVATE_ENDPOINTS", private if is_loopback(host) else "", PrivateEndpoints.parse
        ),
        "ALLOWED_HOSTS": sorted(
            {*env.words("AIM_ALLOWED_HOSTS", local), *own_names} - {"0.0.0.0", "[::]"}
        ),
        "CSRF_TRUSTED_ORIGINS": [f"{parts.scheme}://{parts.netloc}"],
    }


_bound = bound_to(AIM_HOST, AIM_PORT)
AIM_PUBLIC_URL: str = _bound["AIM_PUBLIC_URL"]
AIM_PRIVATE_ENDPOINTS: PrivateEndpoints = _bound["AIM_PRIVATE_ENDPOINTS"]
ALLOWED_HOSTS: list[str] = _bound["ALLOWED_HOSTS"]
CSRF_TRUSTED_ORIGINS: list[str] = _bound["CSRF_TRUSTED_ORIGINS"]

# Keys of providers, like OPENAI_API_KEY: off until an administrator shares one.
AIM_ENV_KEYS = ServerKeys(os.environ)

# --- The call path ---

AIM_CONNECT_TIMEOUT = env.seconds("AIM_CONNECT_TIMEOUT", 5.0)
AIM_FIRST_TOKEN_TIMEOUT = env.seconds("AIM_FIRST_TOKEN_TIMEOUT", 30.0)
AIM_IDLE_TIMEOUT = env.seconds("AIM_IDLE_TIMEOUT", 60.0)
AIM_TOTAL_TIMEOUT = env.seconds("AIM_TOTAL_TIMEOUT", 300.0)
AIM_KEEPALIVE_SECONDS = env.seconds("AIM_KEEPALIVE_SECONDS", 15.0)
AIM_STALL_SECONDS = env.seconds("AIM_STALL_SECONDS", 60.0, least=1)
AIM_DRAIN_SECONDS = env.seconds("AIM_DRAIN_SECONDS", 30.0)
AIM_MAX_CALLS = env.integer("AIM_MAX_CALLS", 2_000, least=1, most=100_000)
AIM_MAX_BODY_BYTES = env.integer("AIM_MAX_BODY_BYTES", 32 * 2**20, least=2**10, most=2**30)

AIM_CACHE_BYTES = env.integer("AIM_CACHE_BYTES", 64 * 2**20, least=0, most=2**36)

# --- Pages: a body is small and arrives soon (edge.py holds these before Django sees a byte) ---

AIM_PAGE_BODY_BYTES = 2**20
AIM_PAGE_BODY_SECONDS = 10.0
DATA_UPLOAD_MAX_MEMORY_SIZE = AIM_PAGE_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

# --- Application ---

DEBUG = env.flag("AIM_DEBUG", False)
INSTALLED_APPS = [
    "marketplace.apps.MarketplaceConfig",
    "aiproxy",
    "integrations",
    "providers",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "marketplace.apps.StaticConfig",
    "django.forms",  # its widgets' templates, which FORM_RENDERER finds as those of any app
    "csp",
    "django_htmx",
    "django_ratelimit",
    "ninja",
]
MIDDLEWARE = [
    "marketplace.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "marketplace.middleware.HeadersMiddleware",
    "marketplace.middleware.ApiRefusalMiddleware",
    "marketplace.middleware.CrossSiteMiddleware",
    "csp.middleware.CSPMiddleware",
    "marketplace.middleware.KeptSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "marketplace.middleware.SessionLifeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "marketplace.middleware.SignInMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "marketplace.urls"
ASGI_APPLICATION = "marketplace.asgi.application"
_LOADERS: list[Any] = [
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
if not DEBUG:
    _LOADERS = [("django.template.loaders.cached.Loader", _LOADERS)]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            # template_partials is set up here and not as an app: its app imports the whole admin.
            "loaders": [("template_partials.loader.Loader", _LOADERS)],
            "libraries": {"partials": "template_partials.templatetags.partials"},
            "builtins": ["template_partials.templatetags.partials", "marketplace.templatetags.ui"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.context_processors.site",
            ],
        },
    }
]

FORM_RENDERER = "marketplace.forms.base.Renderer"

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = AIM_DATA_DIR / "static"
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_USE_FINDERS = DEBUG  # True: served from where they are written, not from STATIC_ROOT
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is uploaded
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Accounts, sessions, cookies ---

AUTH_USER_MODEL = "marketplace.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email"]},
    },
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

_https = AIM_PUBLIC_URL.startswith("https://")
_cookies = env.choice("AIM_SECURE_COOKIES", "auto", ("auto", "on", "off"))
_secure = _cookies == "on" or (_cookies == "auto" and _https)
# A browser takes __Host- cookies only when they are Secure, from this host alone, for the whole site.
SESSION_COOKIE_NAME = "__Host-sid" if _secure else "aim_sid"
SESSION_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600  # without a visit; SessionLifeMiddleware renews it
AIM_SESSION_MAX_AGE = 14 * 86_400  # whatever happens
CSRF_COOKIE_NAME = "__Host-csrf" if _secure else "aim_csrf"
CSRF_COOKIE_SECURE = _secure
CSRF_COOKIE_HTTPONLY = True  # pages carry the token in hx-headers
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "marketplace.views.errors.csrf_failure"

# --- Headers (SecurityMiddleware, CSPMiddleware; the rest in HeadersMiddleware) ---

SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# No inline code at all, which is stronger than nonces; htmx is configured to match in base.html.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "report-uri": "/csp-report",
    }
}

# --- Log ---

AIM_LOG_LEVEL = env.choice("AIM_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
AIM_LOG_FORMAT = env.choice("AIM_LOG_FORMAT", "console", ("console", "json"))
LOGGING_CONFIG = "marketplace.logs.configure"
LOGGING = logs.config(AIM_LOG_LEVEL, AIM_LOG_FORMAT)
