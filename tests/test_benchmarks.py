"""The benchmarks run, lose nothing and say what they promise; how long anything takes is not asked here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from llmstream.wire import names

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{script}.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_micro_measures_every_dialect():
    found = json.loads(run("micro", "--count", "40", "--rounds", "1"))
    assert {"date", "python", "framer", "events_made", "reducer", "serial_write", "serial_read"} <= set(found)
    assert {"anthropic", "openai-chat"} <= set(found["decoders"]) <= set(names())
    for costs in found["decoders"].values():
        assert {"framed", "decoded", "iterated", "awaited", "growth"} <= set(costs)
    assert set(found["sync"]) == {"async_us", "sync_us", "throughput"}


def test_large_frames_are_decoded_and_endless_lines_refused():
    found = json.loads(
        run("large", "--mib", "1", "2", "--limit-mib", "1", "--endless-mb", "8", "--rounds", "1")
    )
    assert set(found["frames"]) == set(found["endless"]) == {"sse", "ndjson", "eventstream"}
    assert {"1 MiB, ms", "2 MiB, ms", "1 MiB, memory", "2 MiB, memory", "growth"} == set(
        found["frames"]["sse"]
    )
    for costs in found["endless"].values():
        assert costs["read, of the limit"] <= 1.2
        assert costs["memory, of the limit"] < 2.2


@pytest.mark.parametrize("arguments", [(), ("--tls",)])
def test_many_streams_lose_nothing(arguments: tuple[str, ...]):
    found = json.loads(run("many", "--streams", "20", "--count", "5", "--rounds", "1", *arguments))
    runs = found["runs"]
    assert {(row["client"], row["loop"]) for row in runs.values()} == {
        ("limit", "asyncio"),
        ("llmstream", "asyncio"),
        ("httpx+json", "asyncio"),
        ("llmstream", "trio"),
        ("httpx+json", "trio"),
    }
    assert {row["tls"] for row in runs.values()} == {False, bool(arguments)}
    for row in runs.values():
        assert (row["lost"], row["failures"]) == (0, 0)
        keys = {
            "us_per_event",
            "ratio",
            "core_share",
            "core_wait",
            "wall_to_ideal",
            "lag_p50_ms",
            "lag_p99_ms",
        }
        assert {*keys, "kb_a_stream", "open_close_ms"} <= set(row)


CLIENT = {"wire": "chat", "ratio": 1.25, "first_ms": 0.4}
RUN = {"ratio": 1.5, "us_per_event": 30.0, "lag_p50_best_ms": 0.5, "open_close_ms": 0.4, "kb_a_stream": 20.0}
RESULTS: dict[str, dict[str, Any]] = {
    "imports": {"bare_interpreter": 10.0, "import_llmstream": 90.5},
    "micro": {
        "decoders": {"openai-chat": {"framed": 0.5, "decoded": 1.0, "growth": 1.0}},
        "framer": {"sse": 0.5},
        "reducer": {"reduce": 0.4, "reduce, growth": 1.0},
        "serial_write": {"text_delta": 0.5},
        "events_made": {"TextDelta": 0.4},
        "sync": {"async_us": 4.0, "sync_us": 5.0},
    },
    "many": {"runs": {"llmstream, asyncio, 200": RUN, "other, asyncio, 200": {"failure": "it fell"}}},
    "peers": {"clients": {"llmstream": CLIENT, "a <client> & more": CLIENT}},
}


def test_the_plots_are_well_formed(tmp_path: Path):
    for name, found in RESULTS.items():
        stamped = {"date": "2026-01-01", "python": "cpython 3.11", **found}
        (tmp_path / f"{name}.json").write_text(json.dumps(stamped), "utf-8")
    run("plot", "--results", str(tmp_path), "--plots", str(tmp_path))
    for name in RESULTS:
        root = ET.parse(tmp_path / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert list(root.iter("{http://www.w3.org/2000/svg}rect"))


def test_the_kept_plots_are_those_of_the_kept_results(tmp_path: Path):
    run("plot", "--plots", str(tmp_path))
    drawn = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.svg")}
    assert drawn == {path.name: path.read_text("utf-8") for path in (BENCHMARKS / "plots").glob("*.svg")}


def test_an_unknown_peer_is_named():
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "peers.py"), "--peers", "nobody"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 1
    assert "nobody" in done.stderr
