import pytest

from llmstream.schema.problems import MOST, Collector, MisfitError, Problem, misfit


def test_a_problem_says_where_it_is():
    problem = misfit("a string", "null").problems[0].under(2).under("dogs")
    assert problem.path == ("dogs", 2)
    assert str(problem) == "expected a string, got null at dogs[2]"
    assert Problem((), "x").where == "the top"


def test_problems_are_gathered_up_to_a_limit():
    collector = Collector()
    collector.check()
    for step in range(MOST - 1):
        collector.add(step, misfit("a", "b"))
    with pytest.raises(MisfitError) as caught:
        collector.add(MOST, misfit("a", "b"))
    assert len(caught.value.problems) == MOST
