import pytest

from llmstream.schema.docstring import documented

GOOGLE = """Do it.

    More of it.

    Args:
        first (int): the first,
            on two lines
        second: the second: with a colon
        **rest: the rest

    Returns:
        what: not an argument
    """
NUMPY = """Do it.

    More of it.

    Parameters
    ----------
    first : int
        the first,
        on two lines
    second, third
        the second: with a colon

    Returns
    -------
    what : int
        not an argument
    """
SPHINX = """Do it.

    More of it.

    :param int first: the first,
        on two lines
    :param second: the second: with a colon
    :type second: str
    :returns: not an argument
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX])
def test_each_style_is_read(text):
    found = documented(text)
    assert found.summary == "Do it.\n\nMore of it."
    assert found.arguments["first"] == "the first, on two lines"
    assert found.arguments["second"] == "the second: with a colon"
    assert "what" not in found.arguments


def test_names_share_a_description_and_stars_are_no_part_of_them():
    assert documented(NUMPY).arguments["third"] == "the second: with a colon"
    assert documented(GOOGLE).arguments["rest"] == "the rest"


@pytest.mark.parametrize("text", [None, "", "Just words: and more.", "Note that: it is so"])
def test_what_has_no_sections_is_all_summary(text):
    assert documented(text).summary == (text or "")
    assert dict(documented(text).arguments) == {}
