"""An HTTP/1.1 transport for streams, under the interface of httpx and httpx2.

transport = FastTransport.under(httpx)
client = httpx.AsyncClient(transport=transport, mounts=environment_mounts(httpx))
"""

from llmstream.transport.fast.pool import Limits as Limits
from llmstream.transport.fast.proxies import environment_mounts as environment_mounts
from llmstream.transport.fast.transport import FastTransport as FastTransport
from llmstream.transport.fast.transport import speaks as speaks
