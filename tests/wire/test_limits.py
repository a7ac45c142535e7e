"""The pace that providers ask for, in all their forms."""

from pathlib import Path

import pytest

from llmstream import ProviderError, QuotaError, RateLimitError
from llmstream.jsontext import loads
from llmstream.values.ratelimits import RateLimit, RateLimits
from llmstream.wire.failures import failure, http_failure
from llmstream.wire.http import ResponseHead
from llmstream.wire.limits import MAX_WAIT, body_wait, header_wait, note, rate_limits

DATE = "Fri, 29 Sep 2023 16:26:37 GMT"
NOW = 1696004797


def head(status: int = 429, **headers: str) -> ResponseHead:
    return ResponseHead(status, {name.replace("_", "-"): value for name, value in headers.items()})


def requests(limit: int | None, remaining: int | None, reset: float | None) -> RateLimits:
    return RateLimits(requests=RateLimit(limit, remaining, reset))


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        (
            {
                "x_ratelimit_limit_requests": "5000",
                "x_ratelimit_remaining_requests": "4999",
                "x_ratelimit_reset_requests": "12ms",
                "x_ratelimit_limit_tokens": "800000",
                "x_ratelimit_remaining_tokens": "799945",
                "x_ratelimit_reset_tokens": "6m0s",
                "x_ratelimit_limit_input_images": "50",
            },
            RateLimits(
                requests=RateLimit(5000, 4999, 0.012),
                tokens=RateLimit(800000, 799945, 360.0),
                other={"input-images": RateLimit(50)},
            ),
        ),
        (
            {
                "anthropic_ratelimit_requests_limit": "4000",
                "anthropic_ratelimit_requests_remaining": "3999",
                "anthropic_ratelimit_requests_reset": "2023-09-29T16:27:37Z",
                "anthropic_ratelimit_tokens_reset": "2023-09-29T16:00:00Z",
                "anthropic_ratelimit_input_tokens_limit": "9",
                "date": DATE,
            },
            RateLimits(
                requests=RateLimit(4000, 3999, 60.0),
                tokens=RateLimit(reset=0.0),
                other={"input-tokens": RateLimit(9)},
            ),
        ),
        (
            {
                "x_ratelimit_limit_req_minute": "60",
                "x_ratelimit_remaining_req_minute": "59",
                "x_ratelimit_limit_tokens_minute": "500",
                "x_ratelimit_limit_tokens_month": "9000",
                "x_ratelimit_limit_req_10_second": "5",
            },
            RateLimits(
                requests=RateLimit(60, 59),
                tokens=RateLimit(500),
                other={"tokens-month": RateLimit(9000), "requests-10-second": RateLimit(5)},
            ),
        ),
        (
            {
                "ratelimitbysize_limit": "200",
                "ratelimitbysize_remaining": "199",
                "ratelimitbysize_reset": "26",
                "x_ratelimitbysize_limit_minute": "200",
                "x_ratelimitbysize_limit_month": "9000",
            },
            RateLimits(
                tokens=RateLimit(200, 199, 26.0),
                other={"tokens-minute": RateLimit(200), "tokens-month": RateLimit(9000)},
            ),
        ),
        ({"ratelimit_limit": "9", "ratelimit_remaining": "8", "ratelimit_reset": "30"}, requests(9, 8, 30.0)),
        (
            {"x_ratelimit_limit": "10", "x_ratelimit_reset": "2", "x_ratelimit": "false"},
            requests(10, None, 2),
        ),
        ({"x_ratelimit_reset": f"{NOW + 7}000", "date": DATE}, requests(None, None, 7.0)),
        ({"x_ratelimit_reset": f"{NOW + 7}", "date": DATE}, requests(None, None, 7.0)),
        ({"x_ratelimit_reset": f"{NOW - 7}", "date": DATE}, requests(None, None, 0.0)),
        ({"x_ratelimit_limit": "1", "x_ratelimit_reset": f"{NOW}000"}, requests(1, None, None)),
        ({"x_ratelimit_limit": "1", "x_ratelimit_reset": "2023-09-29T16:27:37"}, requests(1, None, None)),
        ({"x_ratelimit_limit": "x", "x_ratelimit_remaining": "nan", "x_ratelimit_reset": "soon"}, None),
        ({"x_ratelimit": "false"}, None),
        ({}, None),
    ],
)
def test_limits_are_read_in_every_vendors_form(headers: dict, limits: RateLimits | None):
    assert rate_limits(head(**headers)) == limits


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("17ms", 0.017), ("1.2s", 1.2), ("6m0s", 360.0), ("1h2m3s", 3723.0), ("0", 0.0), ("1d", 86400.0)],
)
def test_resets_are_durations_or_seconds(reset: str, seconds: float):
    found = rate_limits(head(x_ratelimit_reset_tokens=reset))
    assert found is not None
    assert found.tokens == RateLimit(reset=pytest.approx(seconds))


@pytest.mark.parametrize(
    "reset", ["2023-09-29T16:26:47+00:00", "2023-09-29T16:26:47", "2023-09-29T18:26:47+02:00"]
)
def test_timestamps_are_counted_from_the_responses_own_date(reset: str):
    assert rate_limits(head(x_ratelimit_reset=reset, date=DATE)) == requests(None, None, 10.0)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 3.89s. Visit …", 3.89),
        ("Please try again in 1m9.696s.", 69.696),
        ("try again in 250ms", 0.25),
        ("Please retry in 48.939935699s.", 48.939935699),
        ("Please retry after 6 seconds.", 6.0),
        ("wait for 2 minutes", 120.0),
        ("Try again in 1 hour 30 mins", 5400.0),
        ("try again in 9 days", None),
        ("try again in 3 sheep", None),
        ("try again in a moment", None),
        ("", None),
    ],
)
def test_the_wait_is_read_from_the_message(message: str, seconds: float | None):
    wait = body_wait({}, message)
    assert wait == (seconds if seconds is None else pytest.approx(seconds))


def test_the_wait_is_read_from_googles_retry_info():
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48.5s"}
    payload = {"error": {"code": 429, "message": "slow down", "details": [{"@type": "x"}, 5, info]}}
    assert body_wait(payload, "") == 48.5
    assert body_wait({"error": {"details": [{"retryDelay": "x"}]}}, "retry in 1s") == 1.0
    error = failure(payload, "", phase="stream")
    assert (type(error), error.retry_after) == (RateLimitError, 48.5)


def test_the_header_counts_more_than_the_words():
    body = b'{"error": {"message": "try again in 9s", "code": "rate_limit_exceeded"}}'
    assert http_failure(head(), body).retry_after == 9.0
    assert http_failure(head(retry_after="3"), body).retry_after == 3.0


def test_no_wait_is_told_where_waiting_does_not_help():
    body = b'{"error": {"message": "try again in 9s", "code": "insufficient_quota"}}'
    error = http_failure(head(retry_after="3"), body)
    assert (type(error), error.retry_after) == (QuotaError, None)
    assert http_failure(head(retry_after="3", x_should_retry="true"), body).retry_after == 3.0


def test_a_refusal_has_the_limits():
    error = ProviderError("no")
    assert error.rate_limits is None
    note(error, head(x_ratelimit_limit="10"))
    assert error.rate_limits == requests(10, None, None)


def test_nobody_waits_for_longer_than_a_day():
    assert header_wait(head(retry_after=str(int(MAX_WAIT)))) == MAX_WAIT
    assert header_wait(head(retry_after=str(int(MAX_WAIT) + 1))) is None
    assert header_wait(head(retry_after_ms="1e30")) is None


def test_the_shared_cases_of_waits_are_kept(shared: Path):
    document = loads((shared / "cases" / "retry_after_cases.json").read_bytes())
    for case in document["cases"]:
        got = http_failure(ResponseHead(case.get("status", 429), {**case["headers"], "date": DATE}), b"")
        if "server_delay_s" in case:
            # They cap at two minutes; here a day is the cap, and the retry loop has its own.
            assert got.retry_after in {case["server_delay_s"], 121.0}, case["id"]
        elif case["id"].startswith("oai-status") or "x-should-retry" in case["headers"]:
            assert got.retryable is case["should_retry"], case["id"]
