"""The rows of traffic."""

from aiproxy.models.answer import KeptAnswer
from aiproxy.models.breaker import OpenBreaker
from aiproxy.models.level import LimitLevel
from aiproxy.models.limit import Limit
from aiproxy.models.route import Alias
from aiproxy.models.usage import UsageRecord
from aiproxy.models.usage_sum import PrunedUsage, UsageSum

__all__ = [
    "Alias",
    "KeptAnswer",
    "Limit",
    "LimitLevel",
    "OpenBreaker",
    "PrunedUsage",
    "UsageRecord",
    "UsageSum",
]
