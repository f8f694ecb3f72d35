"""Who acts through a page, and from where, as the audit log wants it."""

from __future__ import annotations

from integrations.audit import Actor
from marketplace import limits
from marketplace.htmx import HtmxRequest


def of(request: HtmxRequest) -> Actor:
    return Actor(
        user_id=request.user.pk, ip=limits.address(request) or None, request_id=request.request_id
    )
