"""Google's Gemini on Vertex AI.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""

from llmstream.providers._provider import Provider, Setting
from llmstream.providers._vertex import ADDRESSES, BASE_URL, HOST, KEY_ENV, LOCATION
from llmstream.wire.gemini import GeminiCodec, Quirks

PROVIDER = Provider(
    name="vertex",
    codec=GeminiCodec("vertex", Quirks(path="/publishers/google/models/", call_ids=False)),
    base_url=BASE_URL,
    settings=(HOST, LOCATION, Setting("project", ("GOOGLE_CLOUD_PROJECT",))),
    addresses=ADDRESSES,
    key_env=KEY_ENV,
)
