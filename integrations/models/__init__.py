from integrations.models.audit import AuditEvent
from integrations.models.integration import Integration, Status
from integrations.models.revision import Revision
from integrations.models.shared import SharedKey
from integrations.models.token import AccessToken, TokenState

__all__ = [
    "AccessToken",
    "AuditEvent",
    "Integration",
    "Revision",
    "SharedKey",
    "Status",
    "TokenState",
]
