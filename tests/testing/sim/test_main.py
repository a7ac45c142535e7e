"""The command."""

from llmstream.testing.sim import laws
from llmstream.testing.sim.__main__ import main


def test_it_says_what_was_found(capsys) -> None:
    arguments = ["--seed", "5", "--calls", "3", "--dialect", "gemini", "--fault", "stall"]
    assert main([*arguments, "--backend", "trio"]) == 0
    said = capsys.readouterr().out
    assert "0 violations" in said
    assert "digest " in said


def test_a_violation_is_an_exit_code(capsys, monkeypatch) -> None:
    def never(call) -> None:
        assert call.plan is None, "never holds"

    monkeypatch.setattr(laws, "LAWS", (never,))
    assert main(["--calls", "1"]) == 1
    assert "--seed 0 --calls 1 --backend asyncio" in capsys.readouterr().out
