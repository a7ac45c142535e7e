"""What differs where others speak the Messages protocol."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Quirks:
    """The differences, one field each; the defaults are the vendor's own API.

    Attributes:
        path: appended to the base address; where it holds `{model}`, the model is named there and not in
            the body.
        version: sent in the body, in place of the header; empty for the header.
    """

    # vertex: the model is in the path, the version in the body
    # (corpus: anthropic/vertex/fantasy-vertex-claude-3-7-sonnet-complex_object_streaming-0)
    path: str = "/v1/messages"
    version: str = ""
