"""Masks, theta0, curves and layers of a ticket, at addresses of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticket_hub.bundle import open_bundle

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
API = "/api/v1/tickets"
Call = Callable[..., Any]
FILES = [("levels/3/mask?trial=1", "masks/1/3"), ("levels/3/theta0?trial=2", "theta0/2")]


@pytest.mark.parametrize(("address", "path"), FILES)
def test_a_file_is_handed_out_to_the_byte_and_named_by_its_digest(
    golden: str, call: Call, address: str, path: str
) -> None:
    expected = (GOLDEN / f"{path}.safetensors").read_bytes()
    found = call("GET", f"{API}/{golden}/{address}")
    assert (found.status, found.body) == (200, expected)
    assert found.headers["ETag"] == f'"{hashlib.sha256(expected).hexdigest()}"'
    assert found.headers["X-Content-Type-Options"] == "nosniff"


def test_ranges_and_conditions_are_understood(golden: str, call: Call) -> None:
    address = f"{API}/{golden}/levels/0/theta0"
    whole = call("GET", address)
    part = call("GET", address, headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, whole.body[10:20])
    same = call("GET", address, headers={"If-None-Match": whole.headers["ETag"]})
    assert (same.status, same.body) == (304, b"")
    behind = call("GET", address, headers={"Range": f"bytes={len(whole.body)}-"})
    assert (behind.status, behind.json["status"]) == (416, 416)
    assert behind.headers["Content-Range"] == f"bytes */{len(whole.body)}"


def test_only_what_is_named_by_a_commit_may_be_kept_for_ever(golden: str, call: Call) -> None:
    commit = call("GET", f"{API}/{golden}").json["commit"]
    address = f"{API}/{golden}/levels/1/mask"
    assert "no-cache" in call("GET", address).headers["Cache-Control"]
    assert "immutable" in call("GET", f"{address}?revision={commit}").headers["Cache-Control"]


@pytest.mark.parametrize("address", ["levels/9/mask", "levels/3/mask?trial=7", "levels/9/layers"])
def test_what_a_ticket_has_not_is_said_with_what_it_has(
    golden: str, call: Call, address: str
) -> None:
    found = call("GET", f"{API}/{golden}/{address}")
    assert (found.status, found.json["title"]) == (404, "Ticket not found")


def test_layers_are_as_dense_as_the_bundle_says(golden: str, call: Call) -> None:
    found = call("GET", f"{API}/{golden}/levels/3/layers").json
    manifest = open_bundle(GOLDEN).manifest
    level = manifest.level(3)
    assert level is not None
    kept = [sum(layer["kept"].values()) for layer in found["layers"]]
    assert kept == [sum(counts) for counts in zip(*(t.kept for t in level.tickets), strict=True)]
    sizes = sum(layer["size"] for layer in found["layers"])
    assert sum(kept) / (3 * sizes) == pytest.approx(level.density)
    assert found["layers"][0]["density"] == pytest.approx(220 / 640)


def test_curves_come_bit_for_bit_and_can_be_chosen(golden: str, call: Call) -> None:
    optional: dict[str, Any] = {"train_loss": None, "train_accuracy": None, "measured": {}}
    bundle = json.loads((GOLDEN / "metrics.json").read_bytes())
    stored = [optional | curve for curve in bundle["curves"]]
    everything = call("GET", f"{API}/{golden}/curves").json["curves"]
    assert everything == stored
    some = call("GET", f"{API}/{golden}/curves?level=2&trial=1").json["curves"]
    assert some == [each for each in stored if (each["level"], each["trial"]) == (2, 1)]
    assert call("GET", f"{API}/{golden}/curves?control=reinit").json["curves"] == []
