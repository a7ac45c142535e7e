import gc
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest
import trustme

from llmstream.transport.fast import FastTransport, Limits
from llmstream.transport.fast.pool import Pool


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest):
    return request.param


class Refusing:
    """A fallback that no request should reach."""

    async def handle_async_request(self, request: Any) -> Any:
        raise AssertionError(f"expected the fast transport to take {request}")

    async def aclose(self) -> None:
        pass


@pytest.fixture
def transport(library):
    return FastTransport.under(library, fallback=Refusing())


@pytest.fixture
async def client(library, transport):
    async with library.AsyncClient(transport=transport, timeout=5.0) as client:
        yield client


@pytest.fixture
def limited(library) -> Callable[..., tuple[FastTransport, Any]]:
    def make(**limits):
        transport = FastTransport.under(library, fallback=Refusing(), limits=Limits(**limits))
        return transport, library.AsyncClient(transport=transport, timeout=5.0)

    return make


def pool_of(transport: FastTransport) -> Pool:
    """The pool of the running event loop."""
    return transport._home()._pool


@pytest.fixture
def pooled() -> Callable[[FastTransport], Pool]:
    return pool_of


@pytest.fixture
def uncollected():
    """Runs without the collector, so that what is released is released by reference alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()
