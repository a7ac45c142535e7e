from llmstream import Embeddings


def test_vectors_are_a_tuple_and_not_shown() -> None:
    embeddings = Embeddings([(1.0, 2.0), (3.0, 4.0)])
    assert embeddings.vectors == ((1.0, 2.0), (3.0, 4.0))
    assert repr(embeddings) == "Embeddings(vectors=<2 vectors>, usage=None, model=None)"
