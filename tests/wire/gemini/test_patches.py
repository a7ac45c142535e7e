"""Arguments that come in patches."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream.testing.strategies import json_objects, texts
from llmstream.wire.gemini.frames import Patch
from llmstream.wire.gemini.patches import MAX_DEPTH, Arguments, PatchError


def joined(*patches: Patch) -> tuple[list[str], dict]:
    arguments = Arguments()
    pieces = [arguments.begin(), *(arguments.apply(patch) for patch in patches), arguments.end()]
    assert json.loads("".join(pieces)) == arguments.value
    return pieces, arguments.value


def text(path: str, value: str, *, more: bool = False) -> Patch:
    return Patch(path, string_value=value, will_continue=more)


def test_a_string_grows_by_its_pieces() -> None:
    pieces, value = joined(
        text("$.city", "Bos", more=True), text("$.city", 't"on', more=True), text("$.city", "")
    )
    assert pieces == ["{", '"city":"Bos', 't\\"on', '"', "}"]
    assert value == {"city": 'Bost"on'}


def test_values_of_every_kind_are_taken() -> None:
    pieces, value = joined(
        Patch("$.a", number_value=1),
        Patch("$.b", number_value=1.5),
        Patch("$.c", bool_value=False),
        Patch("$.d"),
        text("$.e", "x"),
    )
    assert value == {"a": 1, "b": 1.5, "c": False, "d": None, "e": "x"}
    assert "".join(pieces) == '{"a":1,"b":1.5,"c":false,"d":null,"e":"x"}'


def test_containers_are_opened_and_closed_on_the_way() -> None:
    pieces, value = joined(
        text("$.a.b[0].c", "1"),
        text("$.a.b[0].d", "2"),
        text("$.a.b[1].c", "3"),
        text("$.e[0]", "4", more=True),
        text("$.f", "5"),
    )
    assert value == {"a": {"b": [{"c": "1", "d": "2"}, {"c": "3"}]}, "e": ["4"], "f": "5"}
    assert "".join(pieces) == '{"a":{"b":[{"c":"1","d":"2"},{"c":"3"}]},"e":["4"],"f":"5"}'


def test_names_may_be_quoted() -> None:
    _, value = joined(text("$['a.b']", "1"), text('$["c\\"d"].é', "2"))
    assert value == {"a.b": "1", 'c"d': {"é": "2"}}


def test_a_place_that_the_text_has_passed_is_written_again_at_the_end() -> None:
    pieces, value = joined(
        text("$.a.x", "1", more=True),
        text("$.b", "2"),
        text("$.a.x", "3"),
        text("$.a.y", "4"),
        text("$.c", "5"),
    )
    assert value == {"a": {"x": "13", "y": "4"}, "b": "2", "c": "5"}
    assert "".join(pieces) == '{"a":{"x":"1"},"b":"2","c":"5","a":{"x":"13","y":"4"}}'


def test_a_value_that_is_given_again_replaces_the_first() -> None:
    assert joined(Patch("$.a", number_value=1), text("$.a", "x"))[1] == {"a": "x"}
    assert joined(text("$.a", "x"), text("$.a", "y"))[1] == {"a": "y"}


def test_no_patch_at_all_is_no_arguments() -> None:
    assert joined() == (["{", "}"], {})


@pytest.mark.parametrize(
    "path",
    [
        "",
        "$",
        "a",
        "$.",
        "$[0]",
        "$.a[",
        "$.a[1]",
        "$.a.b c[x]",
        "$..a",
        "$" + ".a" * (MAX_DEPTH + 1),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(PatchError, match="expected a"):
        Arguments().apply(text(path, "x"))


@pytest.mark.parametrize("path", ["$.a.b", "$.a[0]", "$.b.c", "$.b[7]"])
def test_a_path_into_a_value_that_holds_none_is_refused(path: str) -> None:
    arguments = Arguments()
    arguments.apply(text("$.a", "x"))
    arguments.apply(text("$.b[0]", "x"))
    with pytest.raises(PatchError):
        arguments.apply(text(path, "x"))


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 1), texts(), st.booleans()), max_size=8
    )
)
def test_the_text_always_says_what_the_patches_said(drawn: list) -> None:
    arguments = Arguments()
    pieces = [arguments.begin()]
    for name, index, value, more in drawn:
        try:
            pieces.append(arguments.apply(text(f"$.{name}[{index}]", value, more=more)))
        except PatchError:
            return
    pieces.append(arguments.end())
    assert json.loads("".join(pieces)) == arguments.value


@given(json_objects())
def test_whole_values_are_put_in_their_places(values: dict) -> None:
    arguments = Arguments()
    pieces = [
        arguments.begin(),
        *(arguments.put((key,), value) for key, value in values.items()),
        arguments.end(),
    ]
    assert json.loads("".join(pieces)) == arguments.value == values
