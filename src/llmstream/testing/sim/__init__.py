"""Deterministic simulation: calls against peers that go wrong, in virtual time, all of it from one seed.

`simulate` holds the client itself to its laws: the peer speaks any dialect through its codec's server half,
goes wrong in one of the ways of `CATALOGUE`, and the caller reads on or leaves in one of the ways in which
streams are left. Half of the calls may be made again, and each attempt meets a fault of its own, or none.
After each call the laws of `llmstream.testing.sim.laws` are checked, and when the faults have stopped, a
call on the same model must succeed. What goes wrong is repeated by its seed:

    simulate(seed=1, calls=10_000).check()
    python -m llmstream.testing.sim --seed 1234 --calls 1 --backend trio

`model` is for tests of your own code: a Model whose calls go wrong, the same way for the same seed.

    def capital(request):
        yield TextDelta(0, "Paris")
        yield Done(finish_reason="stop")

    async def test_my_agent_survives_its_provider():
        for seed in range(100):
            flaky = sim.model(seed, dialect="anthropic", script=capital)
            answer = await my_agent(flaky, "Capital of France?")
            assert answer in ("Paris", MY_APOLOGY), f"seed {seed}"

Some faults wait for minutes. Run the code on a clock of `llmstream.testing.clock`, where that takes no time.
Every call's key is `SENTINEL`: look for it in your logs.
"""

from llmstream.testing.sim.faults import CATALOGUE as CATALOGUE
from llmstream.testing.sim.faults import Fault as Fault
from llmstream.testing.sim.faulty import model as model
from llmstream.testing.sim.plan import SENTINEL as SENTINEL
from llmstream.testing.sim.run import Report as Report
from llmstream.testing.sim.run import Violation as Violation
from llmstream.testing.sim.run import simulate as simulate
