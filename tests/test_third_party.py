"""A provider on a known dialect is one source file, and one folder of cases holds it to the laws."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmstream.jsontext import dump_bytes

ROW = '''\
"""Acme, whose tokens of the answer leave out those of the reasoning."""

from llmstream import Provider, hookimpl
from llmstream.wire.openai_chat import OpenAIChatCodec, Quirks

PROVIDER = Provider(
    name="acme",
    codec=OpenAIChatCodec("acme", Quirks(output_excludes_reasoning=True)),
    base_url="https://api.acme.example/v1",
    key_env=("ACME_API_KEY",),
)


@hookimpl
def register_providers(register):
    register(PROVIDER)
'''
ENTRY_POINT = "[llmstream]\nacme = acme_llmstream\n"
METADATA = "Metadata-Version: 2.1\nName: acme-llmstream\nVersion: 1.0\n"


def chunk(delta: dict[str, object], **more: object) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": more.pop("finish_reason", None)}
    return {"id": "acme-1", "model": "m", "choices": [choice], **more}


CHUNKS = [
    chunk({"role": "assistant", "reasoning_content": "It is asked "}),
    chunk({"reasoning_content": "for the weather."}),
    chunk({"content": "Wait — "}),
    chunk({"content": "I look 🌦."}),
    chunk(
        {
            "tool_calls": [
                {"index": 0, "id": "c1", "function": {"name": "get_weather", "arguments": '{"city":'}}
            ]
        }
    ),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": ' "Oslo"}'}}]}),
    chunk(
        {},
        finish_reason="tool_calls",
        usage={
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "completion_tokens_details": {"reasoning_tokens": 6},
        },
    ),
]
CASE = {
    "weather.sse": b"".join(b"data: " + dump_bytes(data) + b"\n\n" for data in CHUNKS) + b"data: [DONE]\n\n",
    "weather.meta.json": dump_bytes(
        {
            "name": "acme/weather",
            "file": "acme/weather.sse",
            "kind": "stream",
            "wire": "openai-chat",
            "provider": "acme",
            "status": 200,
        }
    ),
    "weather.expected.json": dump_bytes(
        {
            "text": "Wait — I look 🌦.",
            "reasoning": "It is asked for the weather.",
            "tool_calls": [
                {
                    "id": "c1",
                    "name": "get_weather",
                    "arguments": {"city": "Oslo"},
                    "raw": '{"city": "Oslo"}',
                    "server_executed": False,
                    "custom": False,
                }
            ],
            "finish_reason": "tool_calls",
            "usage": {
                "input_tokens": 9,
                "output_tokens": 10,
                "cached_input_tokens": 0,
                "cache_write_tokens": 0,
                "reasoning_tokens": 6,
            },
            "truncated": False,
            "error": None,
        }
    ),
}
# What anyone who adds a provider may run on his cases; the package is known by its entry point alone.
CHECK = """
import sys
from pathlib import Path

from llmstream import get_model, get_provider
from llmstream.plugins import providers
from llmstream.testing import corpus, decode, laws
from llmstream.testing.findings import findings

model = get_model("acme/m", key="k")
assert model.name == "acme/m", model
assert get_provider("acme", key="k").name == "acme"
codec = providers()["acme"].codec
cases = list(corpus.cases(Path(sys.argv[1])))
for case in cases:
    found = findings(decode(case.wire, case.body, provider=case.provider, content_type=case.content_type))
    for name, wanted in case.expected.items():
        assert found[name] == wanted, (case.name, name, wanted, found[name])
    events, error = laws.decode_all(codec, [case.body], head=case.head)
    assert error is None, error
    laws.split(codec, case.body, head=case.head)
    laws.truncation(codec, case.body, head=case.head)
    laws.grammar(events)
    laws.prefix(events)
    assert laws.round_trip(codec, events)
    frame = case.body.split(b"\\n\\n")[0] + b"\\n\\n"
    laws.linear(codec, lambda size: frame * size + case.body, head=case.head)
print(len(cases))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder to import from, with an installed package of one module."""
    information = tmp_path / "site" / "acme_llmstream-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(METADATA)
    (information / "entry_points.txt").write_text(ENTRY_POINT)
    (information.parent / "acme_llmstream.py").write_text(ROW)
    return information.parent


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A corpus of one case."""
    folder = tmp_path / "corpus" / "acme"
    folder.mkdir(parents=True)
    for name, content in CASE.items():
        (folder / name).write_bytes(content)
    return folder.parent


def check(cases: Path, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHECK, str(cases)],
        check=False,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_one_file_adds_a_provider_and_one_folder_its_cases(package: Path, cases: Path) -> None:
    done = check(cases, os.pathsep.join([str(package), *sys.path]))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"


def test_without_the_package_there_is_no_such_provider(cases: Path) -> None:
    done = check(cases, os.pathsep.join(sys.path))
    assert "ConfigError: expected provider/model-id" in done.stderr


def test_a_case_that_the_row_does_not_fit_is_found(package: Path, cases: Path) -> None:
    row = package / "acme_llmstream.py"
    row.write_text(ROW.replace("output_excludes_reasoning=True", ""))
    done = check(cases, os.pathsep.join([str(package), *sys.path]))
    assert "AssertionError: ('acme/weather', 'usage'" in done.stderr
    assert "'output_tokens': 4" in done.stderr
