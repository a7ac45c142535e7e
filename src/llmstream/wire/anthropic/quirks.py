"""What differs where others speak the Messages protocol."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class Quirks:
    """The differences, one field each; the defaults are the vendor's own API.

    Attributes:
        path: appended to the base address; where it holds `{model}`, the model is named there and not in
            the body.
        version: sent in the body, in place of the header; empty for the header.
        says_stream: whether the body asks for the stream; where it does not, the path does.
        betas: where the names of betas go.
    """

    # vertex: the model is in the path, the version in the body
    # (corpus: anthropic/vertex/fantasy-vertex-claude-3-7-sonnet-complex_object_streaming-0)
    path: str = "/v1/messages"
    version: str = ""
    # bedrock-invoke: InvokeModelWithResponseStream refuses fields of the body that it does not know
    says_stream: bool = True
    betas: Literal["header", "body"] = "header"
