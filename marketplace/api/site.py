"""The management API on one screen; the machine front (/api/ai/, /v1/) is aiproxy.app."""

from __future__ import annotations

from marketplace.api import aliases, errors, integrations, limits, models, providers, tokens, usage
from marketplace.api.docs import Docs, MarketplaceAPI
from marketplace.api.door import SessionAuth, TokenAuth

api = MarketplaceAPI(
    title="AI Integration Marketplace",
    version="1",
    description=(
        "One place to connect AI providers, and one API to call them through. Programs send an access token as "
        "`Authorization: Bearer aimp_…`; pages of this site use their session. Every error is the same object."
    ),
    urls_namespace="api",
    auth=[TokenAuth(), SessionAuth()],
    docs=Docs(),
)
errors.register(api)
api.add_router("/integrations", integrations.router)
api.add_router("/providers", providers.router)
api.add_router("/models", models.router)
api.add_router("/aliases", aliases.router)
api.add_router("/tokens", tokens.router)
api.add_router("/limits", limits.router)
api.add_router("/usage", usage.router)
