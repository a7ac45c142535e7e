"""Bodies that came packed."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstream import MalformedFrameError, UnexpectedContentError
from llmstream.testing.splits import random_cuts
from llmstream.transport.inflate import MAX_PIECE_BYTES, Inflater, inflater


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "Deflate ": raw_deflate}


def unpack(unpacker: Inflater, pieces) -> list[bytes]:
    unpacked = []
    for piece in pieces:
        unpacker.feed(piece)
        while part := unpacker.piece():
            unpacked.append(part)
    return unpacked


@pytest.mark.parametrize("encoding", PACKERS)
@given(data=st.binary(max_size=2000), seed=st.integers())
def test_any_cut_gives_the_same_bytes(encoding, data, seed) -> None:
    for pieces in random_cuts(PACKERS[encoding](data), seed, 3):
        unpacker = inflater(encoding)
        assert unpacker is not None
        assert b"".join(unpack(unpacker, pieces)) == data


def test_each_flushed_event_comes_out_at_once() -> None:
    packer, unpacker = zlib.compressobj(wbits=31), Inflater("gzip")
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        assert unpack(unpacker, [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)]) == [event]


def test_several_gzip_members_are_one_body() -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b"two")
    assert b"".join(unpack(Inflater("gzip"), [packed[:25], packed[25:]])) == b"onetwo"


def test_a_bomb_comes_in_pieces_of_a_bounded_size() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024), compresslevel=1)
    sizes = [len(piece) for piece in unpack(Inflater("gzip"), [bomb])]
    assert max(sizes) <= MAX_PIECE_BYTES
    assert sum(sizes) == 64 * 1024 * 1024


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_not_packed_so_is_an_error(encoding) -> None:
    with pytest.raises(MalformedFrameError, match=f"packed with {encoding}"):
        unpack(Inflater(encoding), [b"plain text", b"and more"])


def test_what_breaks_half_way_is_an_error() -> None:
    packed = zlib.compress(b"text")
    with pytest.raises(MalformedFrameError):
        unpack(Inflater("deflate"), [packed[:5], packed[5:-1], bytes([packed[-1] ^ 1])])


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_nothing_is_to_be_done_for_identity(encoding) -> None:
    assert inflater(encoding) is None


def test_an_encoding_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(UnexpectedContentError, match="'br'"):
        inflater("br")
