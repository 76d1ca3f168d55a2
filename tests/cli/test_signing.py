"""Keys, signatures and whom one trusts, from the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticket_hub.transfer.sharing import sign_bundle

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
BAD_SIGNATURE, BAD_BUNDLE = 23, 10


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


def made_key(ticket: Callable[..., Any], name: str, folder: Path) -> Path:
    """A key, and its public file as somebody else gets it."""
    made = json.loads(ticket("keygen", name, "--format", "json").stdout)
    return Path(shutil.copy(made["public"], folder / f"from-{name}.pub"))


def test_what_ann_signed_is_known_to_those_who_trust_her(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    public = made_key(ticket, "default", tmp_path)
    assert ticket("push", str(bundle), "ann/digits", "--sign", *hub).code == 0
    assert "signed by you (default)" in ticket("verify", str(bundle)).stderr

    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "bens"))  # somebody else's machine
    ticket("pull", "ann/digits:2", *hub)
    assert ticket("verify", "ann/digits").code == 0
    assert "nobody who is trusted here" in ticket("show", "ann/digits").stdout
    assert ticket("verify", "ann/digits", "--signer", "ann").code == BAD_SIGNATURE
    key = json.loads(ticket("trust", "add", "ann", str(public), "--format", "json").stdout)["key"]
    assert key[:16] in ticket("trust", "list").stdout
    assert ticket("verify", "ann/digits", "--signer", "ann").code == 0
    assert "signed by ann" in ticket("show", "ann/digits").stdout
    table = json.loads(ticket("verify", "ann/digits", "--format", "json").stdout)
    assert table["signature"] == {"key_id": key, "signer": "ann"}
    assert ticket("trust", "remove", "ann").code == 0
    assert ticket("verify", "ann/digits", "--signer", str(public)).code == 0


def test_each_way_to_be_wrong_ends_with_its_own_code(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    ann, eve = (made_key(ticket, name, tmp_path) for name in ("ann", "eve"))

    def code(signer: Path = ann) -> int:
        return int(ticket("verify", str(bundle), "--signer", str(signer)).code)

    assert code() == BAD_SIGNATURE  # not signed at all
    assert ticket("sign", str(bundle), "--key", "ann").code == 0
    assert (code(), code(eve)) == (0, BAD_SIGNATURE)
    mask = bundle / "masks/0/1.safetensors"
    whole = mask.read_bytes()
    mask.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert code() == BAD_SIGNATURE
    assert ticket("verify", str(bundle)).code == BAD_BUNDLE  # nobody was asked about a signer
    assert "NOT VALID" in ticket("show", str(bundle)).stdout
    mask.unlink()
    assert code() == BAD_SIGNATURE
    mask.write_bytes(whole)
    signature = (bundle / "model.sig").read_text("utf-8")
    (bundle / "model.sig").write_text(signature.replace('"sig":"M', '"sig":"N'), "utf-8")
    assert code() == BAD_SIGNATURE
    assert ticket("verify", str(bundle)).code == BAD_SIGNATURE
    assert ticket("sign", str(bundle), "--key", "nobody").code == BAD_SIGNATURE
    assert ticket("keygen", "ann").code == BAD_SIGNATURE
    assert ticket("trust", "add", "ann", str(tmp_path / "nothing.pub")).code == 9


def test_a_signed_bundle_keeps_its_signature_where_a_push_that_would_sign_it_anew_cannot(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    made_key(ticket, "ann", tmp_path)
    sign_bundle(bundle, key="ann")  # in Python, where nothing is drawn
    before = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    assert bundle / "ladder.svg" not in before
    asked = ("push", str(bundle), "ann/digits", "--sign", "--hub", str(tmp_path / "hub"))
    assert ticket(*asked, "--key", "nobody").code != 0
    assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == before
    assert ticket(*asked, "--key", "ann").code == 0
    assert ticket("verify", str(bundle), "--signer", "ann").code == 0
