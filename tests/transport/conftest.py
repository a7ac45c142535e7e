"""Clients of both HTTP libraries."""

from collections.abc import AsyncIterator
from importlib import import_module

import pytest

from llmstream.transport.base import AsyncClientLike


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def client(library: str) -> AsyncIterator[AsyncClientLike]:
    async with import_module(library).AsyncClient(verify=False) as client:
        yield client
