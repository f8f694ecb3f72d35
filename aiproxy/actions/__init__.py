"""The only writers of aliases and limits."""

from aiproxy.actions.aliases import AliasInput, create_alias, delete_alias, edit_alias
from aiproxy.actions.limits import LimitInput, remove_limit, set_limit

__all__ = [
    "AliasInput",
    "LimitInput",
    "create_alias",
    "delete_alias",
    "edit_alias",
    "remove_limit",
    "set_limit",
]
