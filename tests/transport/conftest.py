"""Clients of both HTTP libraries, and none."""

from collections.abc import AsyncIterator
from importlib import import_module

import pytest

from llmstream.transport.base import AsyncClientLike


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["direct", "httpx", "httpx2"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[AsyncClientLike | None]:
    """None stands for our own connections without a library."""
    if request.param == "direct":
        yield None
    else:
        async with import_module(request.param).AsyncClient(verify=False) as client:
            yield client
