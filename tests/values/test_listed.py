from llmstream import ModelInfo


def test_a_model_shows_what_is_known_of_it_without_its_record() -> None:
    info = ModelInfo("m", context_length=9, data={"id": "m", "secret": "x"})
    assert (info.name, info.created, info.max_output) == (None, None, None)
    assert "secret" not in repr(info)
