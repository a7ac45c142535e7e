"""What all tests share: hypothesis's settings, the two event loops, the recorded cases, no silent peers."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from llmstream.testing import corpus

# A shell starts its background jobs with Ctrl-C ignored, and programs that tests interrupt would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "llmstream",
    max_examples=100,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    # A slow machine is no fault of a strategy; the time limit of a test is pytest's.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("llmstream")


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the recorded cases beside the checkout, where there is one."""
    found = corpus.find()
    if found is None:
        reason = "expected LLMSTREAM_SHARED to name the folder of recorded cases, or ../shared to be it"
        if os.environ.get("LLMSTREAM_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A peer that is missing where peers are run is a failure of its own."""
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"a peer is missing: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.getoption("-m") == "peer":
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if collector.config.getoption("-m") == "peer":
        _fail_if_skipped(report)
    return report
