"""Coverage-guided fuzzing of framers, decoders, refusals and requests, by hand.

    pip install atheris
    python tests/fuzz/atheris_target.py [corpus folder] -max_total_time=600

What leaves as an exception other than ours is a finding; atheris writes the bytes that led to it to a file,
and the same script with that file's name runs it again. Without atheris it runs over files alone.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

try:
    import atheris
except ImportError:
    atheris = None

if atheris is not None:
    with atheris.instrument_imports(include=["llmstream"]):
        import fuzz_targets
else:
    import fuzz_targets


def main() -> None:
    if atheris is None:
        for name in sys.argv[1:]:
            fuzz_targets.one(Path(name).read_bytes())
        return
    atheris.Setup(sys.argv, fuzz_targets.one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
