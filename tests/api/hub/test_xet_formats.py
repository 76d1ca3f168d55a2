"""The chunk store's formats: what is read, what is refused, and that nothing is believed."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path

import hf_xet
import lz4.frame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticket_hub_api.store.xet.chunks import Chunk, XetError, decode, pack, scan, unpack
from ticket_hub_api.store.xet.hashing import (
    ZERO,
    chunk_hash,
    file_hash,
    from_text,
    range_hash,
    to_text,
    tree_hash,
)
from ticket_hub_api.store.xet.reading import XetTerm, pack_terms, unpack_terms
from ticket_hub_api.store.xet.shards import read_shard


def stored_chunk(data: bytes, scheme: int = 0, *, claimed: int | None = None) -> bytes:
    body = data
    if scheme == 2:
        body = b"".join(data[lane::4] for lane in range(4))
    if scheme:
        body = lz4.frame.compress(body)
    length = len(data) if claimed is None else claimed
    return (
        b"\0" + len(body).to_bytes(3, "little") + bytes([scheme]) + length.to_bytes(3, "little")
    ) + body


def test_a_hash_is_written_as_four_little_endian_numbers() -> None:
    text = to_text(bytes(range(32)))
    assert text == "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
    assert from_text(text) == bytes(range(32))


@pytest.mark.parametrize("data", [b"x", b"Hello World!", bytes(range(256)) * 20])
def test_hashes_are_those_that_the_client_computes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    (theirs,) = hf_xet.hash_files([str(tmp_path / "file")])
    assert theirs.hash == to_text(file_hash([(chunk_hash(data), len(data))]))


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=40))
@settings(max_examples=50)
def test_a_tree_depends_on_every_chunk_and_their_order(chunks: list[bytes]) -> None:
    nodes = [(chunk_hash(chunk), len(chunk)) for chunk in chunks]
    root = tree_hash(nodes)
    assert file_hash(nodes) != root
    if len(nodes) == 1:
        assert root == nodes[0][0]
    for at in range(len(nodes)):
        other = [*nodes[:at], (chunk_hash(b"other" * 20), nodes[at][1]), *nodes[at + 1 :]]
        assert tree_hash(other) != root


def test_a_file_without_chunks_has_the_hash_of_zeros() -> None:
    assert tree_hash([]) == file_hash([]) == ZERO


@given(st.binary(min_size=1, max_size=5000), st.sampled_from([0, 1, 2]))
@settings(max_examples=200)
def test_a_chunk_comes_back_from_any_compression(data: bytes, scheme: int) -> None:
    assert decode(stored_chunk(data, scheme)) == data


@pytest.mark.parametrize(
    "stored",
    [
        b"\1" + stored_chunk(b"abc")[1:],
        stored_chunk(b"abc", claimed=4),
        stored_chunk(b"abc", claimed=0),
        stored_chunk(b"x" * 1000, 1, claimed=999),
        stored_chunk(b"x" * 1000, 1)[:-3],
        stored_chunk(b"abc")[:4] + b"\3" + stored_chunk(b"abc")[5:],
        stored_chunk(b"abc")[:4] + b"\1" + stored_chunk(b"abc")[5:],
        stored_chunk(bytes(200_000)),
    ],
    ids=["version", "longer", "empty", "shorter", "cut", "scheme", "not-lz4", "too-large"],
)
def test_a_broken_chunk_is_refused(stored: bytes) -> None:
    with pytest.raises(XetError):
        decode(stored)


def test_a_bomb_is_refused_before_it_expands() -> None:
    body = lz4.frame.compress(bytes(1 << 28))
    header = b"\0" + (len(body) % (1 << 24)).to_bytes(3, "little") + b"\1" + b"\0\0\2"
    with pytest.raises(XetError):
        decode(header + body[: len(body) % (1 << 24)])


def test_the_chunks_of_a_xorb_are_found_and_a_footer_ignored(tmp_path: Path) -> None:
    chunks = [b"one" * 100, b"two" * 200, b"three" * 300]
    path = tmp_path / "xorb"
    body = b"".join(stored_chunk(chunk, scheme) for scheme, chunk in enumerate(chunks))
    path.write_bytes(body + b"XETBLOB\1" + b"whatever")
    found = scan(path)
    assert [chunk.hash for chunk in found.chunks] == [chunk_hash(chunk) for chunk in chunks]
    assert found.hash == tree_hash([(chunk_hash(chunk), len(chunk)) for chunk in chunks])
    assert (found.size, found.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert unpack(pack(found.chunks)) == found.chunks


@pytest.mark.parametrize("content", [b"", b"XETBLOB\1", b"\0\1", stored_chunk(b"abc")[:-1]])
def test_a_xorb_without_whole_chunks_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "xorb").write_bytes(content)
    with pytest.raises(XetError):
        scan(tmp_path / "xorb")


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    for data in (noise, SHARD_HEAD + noise):
        with pytest.raises(XetError):
            list(read_shard(io.BytesIO(data)))


SHARD_HEAD = (
    b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
) + struct.pack("<QQ", 2, 0)


def shard(flags: int, count: int, *records: bytes) -> bytes:
    head = struct.pack("<32sII8x", b"f" * 32, flags, count)
    return SHARD_HEAD + head + b"".join(records) + b"\xff" * 48


def test_a_shard_lists_files_with_terms_proofs_and_digests() -> None:
    term = struct.pack("<32sIIII", b"x" * 32, 0, 500, 1, 3)
    proof = struct.pack("<32s16x", range_hash([b"a" * 32]))
    digest = struct.pack("<32s16x", b"d" * 32)
    (file,) = read_shard(io.BytesIO(shard(3 << 30, 1, term, proof, digest)))
    assert file.terms == [XetTerm(to_text(b"x" * 32), 1, 3, 500)]
    assert (file.proofs, file.sha256) == ([range_hash([b"a" * 32])], to_text(b"d" * 32))
    assert unpack_terms(pack_terms(file.terms)) == file.terms


@pytest.mark.parametrize(
    "content",
    [b"", SHARD_HEAD[:40], b"x" * 96, shard(0, 0), shard(1 << 31, 1 << 30), shard(1 << 31, 2)],
    ids=["empty", "cut", "tag", "no-proofs", "too-many", "missing-terms"],
)
def test_a_broken_shard_is_refused(content: bytes) -> None:
    with pytest.raises(XetError):
        list(read_shard(io.BytesIO(content)))


def test_chunks_pack_into_rows_of_fixed_length() -> None:
    chunks = [Chunk(b"a" * 32, 0, 100, 90), Chunk(b"b" * 32, 100, 300, 500)]
    assert len(pack(chunks)) == 2 * 44
    assert unpack(pack(chunks)) == chunks
