"""The rows of traffic."""

from aiproxy.models.usage import UsageRecord

__all__ = ["UsageRecord"]
