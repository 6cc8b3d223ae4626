"""A pytest plugin with one fixture; name it in a conftest: `pytest_plugins = ["ghl_async.sandbox.plugin"]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from .sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["ghl_sandbox"]


@pytest_asyncio.fixture
async def ghl_sandbox() -> AsyncIterator[Sandbox]:
    """Give a running sandbox with 200 contacts and the standard limits, fresh for every test."""
    async with Sandbox(contacts=200) as sandbox:
        yield sandbox
