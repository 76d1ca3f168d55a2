"""Bundles come from strangers: every one of these must be refused, and do no harm."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.bundle_forging import (
    Table,
    forge_file,
    forge_manifest,
    put_together,
    refused,
    take_apart,
)
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.errors import BundleError, BundleFormatError, NetworkError

MASK, THETA0 = "masks/0/1.safetensors", "theta0/0.safetensors"
FIRST = "hidden.0.weight"  # 80 weights; hidden.1.weight has 15, output.weight 9


def edit_header(folder: Path, name: str, change: Callable[[Table], object]) -> None:
    header, body = take_apart((folder / name).read_bytes())
    change(header)
    forge_file(folder, name, put_together(header, body))


def rename(table: Table, new: str) -> None:
    table[new] = table.pop(FIRST)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "", "a b", "\x1b[31m", "ü", "x" * 201, "a/b", "..\\x"]
)
def test_a_tensor_with_a_strange_name(bundle: Path, name: str) -> None:
    with refused(bundle):
        edit_header(bundle, MASK, lambda table: rename(table, name))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[FIRST].update(dtype="BOOL"),
        lambda t: t[FIRST].update(dtype="F8_E4M3"),
        lambda t: t[FIRST].update(dtype="I8"),
        lambda t: t[FIRST].update(dtype=["U8"]),
        lambda t: t[FIRST].update(shape=[5, 2]),
        lambda t: t[FIRST].update(shape=[1] * 9 + [10]),
        lambda t: t[FIRST].update(shape=[-10]),
        lambda t: t[FIRST].update(shape=[True, 10]),
        lambda t: t[FIRST].update(shape=[10.0]),
        lambda t: t[FIRST].update(shape=[2**40, 2**40, 0]),
        lambda t: t[FIRST].update(data_offsets=[0, 11]),
        lambda t: t[FIRST].update(data_offsets=[1, 11]),
        lambda t: t[FIRST].update(data_offsets=[0]),
        lambda t: t[FIRST].update(data_offsets=[10, 0]),
        lambda t: t[FIRST].update(extra=1),
        lambda t: t.update({"again": dict(t[FIRST])}),
        lambda t: t.update({"empty": {"dtype": "U8", "shape": [0], "data_offsets": [14, 14]}}),
        lambda t: t.pop(FIRST),
        lambda t: t.update({FIRST: None}),
        lambda t: t.update(__metadata__={"format": "pt", "more": "x"}),
        lambda t: t.update(__metadata__={"format": 1}),
        lambda t: t.update(__metadata__=None),
    ],
)
def test_a_false_header(bundle: Path, change: Callable[[Table], object]) -> None:
    with refused(bundle):
        edit_header(bundle, MASK, change)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"a":NaN}',
        b'{"a":{"dtype":"U8","shape":[],"data_offsets":[0,Infinity]}}',
        b'{"a":1,"a":1}',
        b"{" * 1000,
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"a":"' + b"x" * 5000 + b'"}',
        b'{"\xff":1}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'"' * 100_001,
        b"\xef\xbb\xbf{}",
        b" " * ((1 << 20) + 1),
        b'{"__metadata__":{"format":"pt"},"__metadata__":{"format":"pt"}}',
    ],
)
def test_a_header_that_is_no_strict_json(bundle: Path, text: bytes) -> None:
    with refused(bundle):
        forge_file(bundle, MASK, put_together(text, b""))


def test_names_that_share_one_range(bundle: Path) -> None:
    _, body = take_apart((bundle / MASK).read_bytes())
    entry = '{"dtype":"U8","shape":[10],"data_offsets":[0,10]}'
    twice = f'{{"{FIRST}":{entry},"{FIRST}":{entry}}}'.encode()
    with refused(bundle):
        forge_file(bundle, MASK, put_together(twice, body))


def test_more_tensors_than_any_network_has(bundle: Path) -> None:
    many = {f"t{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(5000)}
    with refused(bundle):
        forge_file(bundle, MASK, put_together(many, b""))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 40, 100])
def test_a_file_cut_short_with_a_digest_that_fits(bundle: Path, size: int) -> None:
    for name in (MASK, THETA0, "model.safetensors"):
        with refused(bundle):
            forge_file(bundle, name, (bundle / name).read_bytes()[:size])


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 2**31, 1 << 20])
def test_a_header_that_claims_to_be_longer_than_the_file(bundle: Path, size: int) -> None:
    data = (bundle / MASK).read_bytes()
    with refused(bundle):
        forge_file(bundle, MASK, struct.pack("<Q", size) + data[8:])


def test_bits_beyond_the_last_weight(bundle: Path) -> None:
    header, body = take_apart((bundle / MASK).read_bytes())
    end = header["output.weight"]["data_offsets"][1]  # 9 weights: the last byte has one bit
    altered = body[: end - 1] + bytes([body[end - 1] | 0x80]) + body[end:]
    with refused(bundle):
        forge_file(bundle, MASK, put_together(header, altered))


def test_a_mask_with_other_bits_than_its_counts_say(bundle: Path) -> None:
    header, body = take_apart((bundle / MASK).read_bytes())
    with refused(bundle):
        forge_file(bundle, MASK, put_together(header, bytes([body[0] ^ 1]) + body[1:]))


def test_a_mask_with_as_many_bits_in_other_places(bundle: Path) -> None:
    header, body = take_apart((bundle / MASK).read_bytes())
    start = header[FIRST]["data_offsets"][0]
    turned = body[start : start + 10][::-1]
    with refused(bundle):
        altered = body[:start] + turned + body[start + 10 :]
        forge_file(bundle, MASK, put_together(header, altered))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite(bundle: Path, value: float) -> None:
    header, body = take_apart((bundle / THETA0).read_bytes())
    with refused(bundle):
        forge_file(bundle, THETA0, put_together(header, struct.pack("<f", value) + body[4:]))


def test_weights_that_are_not_those_of_the_ids(bundle: Path) -> None:
    header, body = take_apart((bundle / THETA0).read_bytes())
    place = header["output.bias"]["data_offsets"][0]
    with refused(bundle):
        altered = body[:place] + struct.pack("<f", 1.0) + body[place + 4 :]
        forge_file(bundle, THETA0, put_together(header, altered))


def test_the_files_of_two_trials_exchanged(bundle: Path) -> None:
    first, second = (bundle / f"theta0/{trial}.safetensors" for trial in (0, 1))
    one, other = first.read_bytes(), second.read_bytes()
    with refused(bundle):
        forge_file(bundle, "theta0/0.safetensors", other)
        forge_file(bundle, "theta0/1.safetensors", one)


def test_a_model_that_is_not_theta0_times_mask(bundle: Path) -> None:
    forge_file(bundle, "model.safetensors", (bundle / THETA0).read_bytes())
    assert [check.name for check in verify_bundle(bundle).failures] == ["survivors equal theta0"]


@pytest.mark.parametrize("name", ["ticket.json", "config.json", MASK, THETA0, "metrics.json"])
def test_a_link_in_place_of_a_file(bundle: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (bundle / name).rename(elsewhere)
    with refused(bundle):
        (bundle / name).symlink_to(elsewhere)


def test_a_link_in_place_of_a_folder(bundle: Path, tmp_path: Path) -> None:
    (bundle / "masks").rename(tmp_path / "masks")
    with refused(bundle):
        (bundle / "masks").symlink_to(tmp_path / "masks")


@pytest.mark.parametrize("name", ["ticket.json", MASK, "metrics.json"])
def test_a_pipe_in_place_of_a_file_does_not_hang_the_reader(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with refused(bundle):
        os.mkfifo(bundle / name)


def test_a_folder_in_place_of_a_file(bundle: Path) -> None:
    (bundle / MASK).unlink()
    with refused(bundle):
        (bundle / MASK).mkdir()


def test_a_file_of_a_terabyte_of_holes_is_refused_before_it_is_read(bundle: Path) -> None:
    size = 1 << 40
    with (bundle / THETA0).open("r+b") as stream:
        stream.truncate(size)
    with refused(bundle):
        forge_manifest(bundle, lambda table: table["files"][THETA0].update(size=size))


def edit_metrics(folder: Path, old: bytes, new: bytes) -> None:
    data = (folder / "metrics.json").read_bytes()
    assert old in data
    forge_file(folder, "metrics.json", data.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[0,20,", b"[0,0,"),
        (b"[0,20,", b"[0,-20,"),
        (b"[0,20,", b"[0,20.0,"),
        (b"[0,20,", b"[0, 20,"),
        (b"[0,20,", b"[0,NaN,"),
        (b"[0,20,", b"[0,20,30,"),
        (b'"chosen":40', b'"chosen":60'),
        (b'"chosen":40', b'"chosen":40.0'),
        (b'"control":"ticket"', b'"control":7'),
        (b'"control":"ticket"', b'"control":"ticket","x":1'),
        (b'"trial":0', b'"trial":-1'),
        (b'"test_accuracy"', b'"test_precision"'),
        (b'"format":1', b'"format":2'),
        (b"]}\n,\n", b"]}\n"),
        (b"]}\n,\n", b"]}\n,\n,\n"),
        (b"\n],", b"\n]\n,"),
        (b'{"curves":[\n', b'{"curves":['),
        (b'"validation_loss":[', b'"validation_loss":[1e999,'),
        (b'"validation_loss":[', b'"validation_loss":[[],'),
        (b'"validation_loss":[', b'"validation_loss":[true,'),
    ],
)
def test_false_curves(bundle: Path, old: bytes, new: bytes) -> None:
    with refused(bundle):
        edit_metrics(bundle, old, new)


def test_a_line_of_curves_that_never_ends(bundle: Path) -> None:
    with refused(bundle):
        forge_file(bundle, "metrics.json", b'{"curves":[\n' + b"x" * (5 << 20))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"level":0,"trial":0', b'"level":0,"trial":1'),
        (b'"level":0,"trial":0', b'"level":900,"trial":0'),
        (b'"level":0,"trial":0', b'"level":0,"trial":900'),
        (b'"backend":"plain"', b'"backend":"other"'),
    ],
)
def test_curves_that_are_not_those_of_the_summary_are_noticed_by_verify(
    bundle: Path, old: bytes, new: bytes
) -> None:
    edit_metrics(bundle, old, new)
    assert [check.name for check in verify_bundle(bundle).failures] == ["evidence"]


def test_the_layout_of_the_hub_clients_cache_is_read(bundle: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--o--n/snapshots/0123"
    blobs = tmp_path / "models--o--n/blobs"
    blobs.mkdir(parents=True)
    for number, path in enumerate(sorted(p for p in bundle.rglob("*") if p.is_file())):
        name = path.relative_to(bundle)
        blob = blobs / f"{number:040x}"
        path.rename(blob)
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to("../" * (len(name.parts) + 1) + f"blobs/{number:040x}")
    assert open_bundle(snapshot).ticket(1).level == 1
    (snapshot / MASK).unlink()
    (snapshot / MASK).symlink_to("/etc/passwd")
    with pytest.raises(BundleFormatError, match="link"):
        open_bundle(snapshot).ticket(1, 0)


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleFormatError, match="missing"):
        open_bundle(tmp_path)
    with pytest.raises(BundleFormatError):
        open_bundle(tmp_path / "nowhere")


def test_what_is_refused_is_refused_without_giving_away_the_kind_of_error() -> None:
    assert issubclass(BundleError, ValueError)
    assert issubclass(NetworkError, ValueError)
