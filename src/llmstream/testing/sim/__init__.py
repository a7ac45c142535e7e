"""Deterministic simulation."""
from llmstream.testing.sim.faulty import model as model
from llmstream.testing.sim.run import Report as Report
from llmstream.testing.sim.run import Violation as Violation
from llmstream.testing.sim.run import simulate as simulate
