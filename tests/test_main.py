"""`python -m llmstream`, with and without its extra."""

import subprocess
import sys

import pytest

import llmstream


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmstream", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"llmstream, version {llmstream.__version__}\n"


@pytest.mark.parametrize("missing", [["click"], ["rich"], ["click", "rich"]])
def test_without_its_extra_it_says_how_to_install_it(missing: list[str]) -> None:
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({missing})); import llmstream.__main__ as m; m.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    expected = f"error: expected {' and '.join(missing)} for the command line: pip install 'llmstream[cli]'\n"
    assert done.stderr == expected


def test_the_version_is_told_without_what_a_call_needs() -> None:
    program = (
        "import sys; from llmstream.__main__ import main\n"
        "try: main()\n"
        "finally: print(sorted({'httpx', 'httpx2', 'cattrs', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\n[]\n")
