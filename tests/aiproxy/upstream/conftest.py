from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aiproxy.upstream.client import Upstream
from tests.aiproxy.connections import LoopbackAllowed


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream(LoopbackAllowed()) as opened:
        yield opened
