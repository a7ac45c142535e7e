"""Streams of events made of others: on an EventStream, a generator, or any asynchronous events.

`map`, `filter`, `coalesce`, `until` and `timeout` work while they are read, in a plain loop or inside
`async with`. `throttle`, `smooth`, `merge`, `race` and `tee` read in tasks of their own, and so they are
entered: `async with merge(a, b) as events:`. Closing any of them closes what it reads from.
"""

from __future__ import annotations

from llmstream.stream.joint import merge as merge
from llmstream.stream.joint import race as race
from llmstream.stream.piped import coalesce as coalesce
from llmstream.stream.piped import filter as filter  # noqa: A004 - the field's own word
from llmstream.stream.piped import map as map  # noqa: A004 - likewise
from llmstream.stream.piped import until as until
from llmstream.stream.shared import Policy as Policy
from llmstream.stream.shared import Subscription as Subscription
from llmstream.stream.shared import Tee as Tee
from llmstream.stream.shared import tee as tee
from llmstream.stream.timed import smooth as smooth
from llmstream.stream.timed import throttle as throttle
from llmstream.stream.timed import timeout as timeout
