"""How much of an answer is taken in."""

import pytest

from llmstream import ConfigError, Limits


def test_a_frame_and_a_refusal_are_bounded_by_default_and_the_whole_need_not_be() -> None:
    assert Limits() == Limits(frame_bytes=32 * 1024 * 1024, output_bytes=None, error_bytes=64 * 1024)


@pytest.mark.parametrize("name", ["frame_bytes", "output_bytes", "error_bytes"])
def test_a_limit_of_nothing_is_refused(name) -> None:
    with pytest.raises(ConfigError, match=name):
        Limits(**{name: 0})
