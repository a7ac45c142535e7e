"""Keep a conversation in a file and go on from it: `python examples/store_and_resume.py FILE [prompt]`."""

import json
import sys
from pathlib import Path

import llmstream.sync


def main(file: str, prompt: str = "What did I say before?") -> None:
    path = Path(file)
    if path.exists():
        stream = llmstream.sync.Response.from_dict(json.loads(path.read_text())).reply(prompt)
    else:
        stream = llmstream.sync.get_model("demo").prompt(prompt)
    for text in stream.text_deltas():
        print(text, end="", flush=True)
    print()
    path.write_text(json.dumps(stream.response().to_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:3])
