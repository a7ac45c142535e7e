"""What differs where others speak Gemini's protocol."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Quirks:
    """The differences, one field each; the defaults are the vendor's own API.

    Attributes:
        path: where the models are, appended to the base address.
        call_ids: whether calls and their results may carry ids.
    """

    # vertex: the models are the publisher's, under the project's address
    # (corpus: gemini/vertex/fantasy-vertex-gemini-2-5-pro-multi_tool_streaming-0)
    path: str = "/v1beta/models/"
    # vertex: its schema has no such field and refuses what it does not know
    call_ids: bool = True
