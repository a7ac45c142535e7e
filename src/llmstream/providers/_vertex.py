"""Where Google's Vertex AI is: the address and the settings that all its publishers' models share.

https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
"""

from __future__ import annotations

from llmstream.providers._provider import Setting

_LOCATION = ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION", "GOOGLE_CLOUD_REGION")

BASE_URL = "https://{host}/v1/projects/{project}/locations/{location}"
ADDRESSES = r"https://([\w-]+-)?aiplatform(\.[\w-]+\.rep)?\.googleapis\.com/.*"
# A token is good for an hour: a function that gives a fresh one serves longer.
KEY_ENV = ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN")
HOST = Setting(
    "host",
    _LOCATION,
    default="global",
    form="{}-aiplatform.googleapis.com",
    special={
        "global": "aiplatform.googleapis.com",
        "us": "aiplatform.us.rep.googleapis.com",
        "eu": "aiplatform.eu.rep.googleapis.com",
    },
)
LOCATION = Setting("location", _LOCATION, default="global")
