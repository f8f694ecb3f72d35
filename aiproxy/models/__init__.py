"""The rows of traffic."""

from aiproxy.models.limit import Limit
from aiproxy.models.route import Alias
from aiproxy.models.usage import UsageRecord
from aiproxy.models.usage_sum import PrunedUsage, UsageSum

__all__ = ["Alias", "Limit", "PrunedUsage", "UsageRecord", "UsageSum"]
