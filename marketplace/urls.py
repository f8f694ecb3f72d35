"""The site map. Machine traffic (/api/ai/, /api/proxy/, /v1/, /v1beta/) never comes here: see asgi.py."""

from __future__ import annotations

from django.urls import path

from marketplace.api.site import api
from marketplace.views import (
    accounts,
    aliases,
    health,
    home,
    integrations,
    limits,
    providers,
    tokens,
    usage,
)

handler400 = "marketplace.views.errors.bad_request"
handler403 = "marketplace.views.errors.forbidden"
handler404 = "marketplace.views.errors.not_found"
handler500 = "marketplace.views.errors.server_error"

urlpatterns = [
    path("", home.index, name="home"),
    path("providers/<slug:provider_id>/", integrations.provider, name="provider"),
    path("integrations/new/<slug:provider_id>/", integrations.new, name="integration-new"),
    path("integrations/test/", integrations.test, name="integration-test"),
    path("integrations/try-mapping/", integrations.try_mapping, name="integration-try-mapping"),
    path(
        "integrations/<uuid:id>/credentials/",
        integrations.credentials,
        name="integration-credentials",
    ),
    path("integrations/<uuid:id>/settings/", integrations.settings, name="integration-settings"),
    path("integrations/<uuid:id>/usage/", integrations.usage, name="integration-usage"),
    path("integrations/<uuid:id>/models/", integrations.models, name="integration-models"),
    path("integrations/<uuid:id>/toggle/", integrations.toggle, name="integration-toggle"),
    path("integrations/<uuid:id>/delete/", integrations.delete, name="integration-delete"),
    path("added/", providers.index, name="providers"),
    path("added/providers/new/", providers.new, name="provider-new"),
    path("added/providers/<slug:id>/", providers.edit, name="provider-edit"),
    path("added/providers/<slug:id>/delete/", providers.delete, name="provider-delete"),
    path("added/models/new/", providers.new_model, name="model-new"),
    path("added/models/<uuid:id>/", providers.edit_model, name="model-edit"),
    path("added/models/<uuid:id>/delete/", providers.delete_model, name="model-delete"),
    path("added/keys/<slug:provider_id>/share/", providers.share, name="key-share"),
    path("added/keys/<slug:provider_id>/unshare/", providers.unshare, name="key-unshare"),
    path("aliases/", aliases.index, name="aliases"),
    path("aliases/new/", aliases.new, name="alias-new"),
    path("aliases/<uuid:id>/", aliases.edit, name="alias-edit"),
    path("aliases/<uuid:id>/delete/", aliases.delete, name="alias-delete"),
    path("tokens/", tokens.index, name="tokens"),
    path("tokens/new/", tokens.new, name="token-new"),
    path("tokens/<uuid:id>/revoke/", tokens.revoke, name="token-revoke"),
    path("limits/", limits.index, name="limits"),
    path("limits/now/", limits.now, name="limits-now"),
    path("limits/new/", limits.new, name="limit-new"),
    path("limits/<uuid:id>/", limits.edit, name="limit-edit"),
    path("limits/<uuid:id>/delete/", limits.delete, name="limit-delete"),
    path("usage/", usage.index, name="usage"),
    path("calls/<uuid:id>/", usage.call, name="call"),
    path("setup/<str:token>/", accounts.setup, name="setup"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("account/password/", accounts.password, name="password"),
    path("api/", api.urls),
    path("health/", health.status, name="health"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("csp-report", health.csp_report, name="csp-report"),
]
