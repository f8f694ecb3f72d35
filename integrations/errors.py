"""What custody refuses.

CallError (providers.errors: clients of the gateway meet these)
├── TokenRejected       401 auth_failed      not a token of ours, or one that no longer holds
├── NotAllowed          403 auth_failed      a good token that may not do this
├── CredentialRequired  409 invalid_request  the integration has no usable key
└── Disabled            409 invalid_request  the integration is switched off

SealBroken              a sealed value does not open: damaged, moved, or sealed by another ring
KeyRingError            the master key cannot be used; the message says how to mend it
"""

from __future__ import annotations

from providers.errors import AuthFailed, InvalidRequest, PermissionDenied


class TokenRejected(AuthFailed):
    fall_back = False


class NotAllowed(PermissionDenied):
    fall_back = False


class CredentialRequired(InvalidRequest):
    status = 409
    fall_back = True


class Disabled(InvalidRequest):
    status = 409
    fall_back = True


class SealBroken(Exception):
    """Says which row and field at most, never what was inside."""


class KeyRingError(Exception):
    """The message is a sentence for the operator, with the command or step that helps."""
