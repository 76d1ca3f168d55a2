"""Manifests and configs of strangers, their digests made to fit: every one must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.bundle_forging import (
    Table,
    forge_file,
    forge_manifest,
    read_table,
    refused,
    set_path,
)
from ticket_hub.bundle import verify_bundle


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", 2),
        ("format", True),
        ("id", "0" * 63),
        ("id", "0" * 64),
        ("more", 1),
        ("__class__", "os.system"),
        ("bit_exact", 1),
        ("theta0", "survivors"),
        ("theta0_level", 0),
        ("trials", []),
        ("trials/0/index", 1),
        ("trials/0/index", -1),
        ("trials/0/index", 10**6),
        ("trials/0/index", "0"),
        ("trials/0/seed", 0.5),
        ("levels", []),
        ("levels", None),
        ("levels/0/index", 3),
        ("levels/1/density", 0.9),
        ("levels/1/density", -0.5),
        ("levels/1/density", 1.5),
        ("levels/1/verdict", "glorious"),
        ("levels/1/tickets/0/id", "f" * 64),
        ("levels/1/tickets/0/id", "../" * 21 + "x"),
        ("levels/1/tickets/0/kept", [80, 15]),
        ("levels/1/tickets/0/kept", [81, 15, 9]),
        ("levels/1/tickets/0/kept", [-1, 15, 9]),
        ("levels/1/tickets/0/kept/0", 10**18),
        ("levels/1/tickets/0/trial", 1),
        ("levels/1/evidence/n", 10**7),
        ("levels/1/evidence/test_accuracy/mean", 0.99),
        ("levels/1/evidence/test_accuracy/max", 2.0),
        ("levels/1/evidence/early_stop/min", -1.0),
        ("default/level", 7),
        ("default/level", 3),
        ("default/trial", 7),
        ("default/rule", "best"),
        ("layers/0/name", "../x"),
        ("layers/0/name", "another"),
        ("layers/0/kind", "conv"),
        ("layers/0/kind", "os.system"),
        ("layers/0/shape", [80]),
        ("layers/0/shape", []),
        ("layers/0/shape", [0]),
        ("layers/0/shape", [2**62, 2**62]),
        ("architecture/classes", 10**9),
        ("architecture/classes", 0),
        ("architecture/classes", -3),
        ("architecture/classes", 4),
        ("architecture/channels", 10**9),
        ("architecture/height", 10**9),
        ("architecture/width", 0),
        ("architecture/name", "os.system"),
        ("architecture/name", "torch.nn.Linear"),
        ("architecture/name", "lenet-5-4"),
        ("architecture/name", "lenet-" + "9" * 150),
        ("architecture/name", "lenet" + "-1" * 90),
        ("architecture/name", "resnet-600000002"),
        ("architecture/name", "timm:hf-hub:evil/model"),
        ("architecture/name", "timm:local-dir:/tmp"),
        ("architecture/name", "timm:../../x"),
        ("architecture/name", "timm:"),
        ("architecture/name", "x" * 5000),
        ("architecture/name", ""),
        ("architecture/options", {"dropout": "os.system"}),
        ("architecture/options", {"dropout": 2.0}),
        ("architecture/options", {"pretrained": True}),
        ("architecture/options", {"checkpoint_path": "/etc/passwd"}),
        ("architecture/options", {"__class__": 1}),
        ("architecture/options", {"dropout": [0.5]}),
        ("architecture/options", []),
        ("data/fingerprint", "x"),
        ("data/mean", [0.0, "x"]),
        ("data/mean", [0.5]),
        ("environment", {"torch": 1}),
        ("environment", {"torch": "\x1b]0;owned\x07"}),
        ("lineage", [{"kind": "bundle"}]),
        ("recipe/name", "\ud800"),
        ("recipe/training/lr", -1.0),
        ("recipe/training/lr", 10**400),
        ("recipe/search/rewind", "\u00b2it"),
        ("recipe/more", 1),
        ("files/config.json/size", 1),
        ("files/config.json/size", -1),
        ("files/config.json/size", 2**62),
        ("files/config.json/sha256", "0" * 64),
        ("files/config.json/sha256", ""),
        ("files/masks~1..~1..~1etc~1passwd", {"sha256": "0" * 64, "size": 1}),
        ("files/evil.py", {"sha256": "0" * 64, "size": 1}),
        ("files/pytorch_model.bin", {"sha256": "0" * 64, "size": 1}),
        ("files", {}),
    ],
)
def test_a_false_manifest(bundle: Path, path: str, value: object) -> None:
    try:
        forge_manifest(bundle, set_path(path, value))
    except UnicodeEncodeError:
        data = json.dumps(read_table(bundle) | {"recipe": {"name": value}}).encode()
        (bundle / "ticket.json").write_bytes(data)
    with refused(bundle):
        pass


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("levels/1/evidence/n", 7),
        ("levels/1/evidence/backends", ["another"]),
        ("levels/1/evidence/test_accuracy/max", 1.0),
        ("levels/3/verdict", "losing"),
    ],
)
def test_evidence_that_its_curves_do_not_give_is_noticed_by_verify(
    bundle: Path, path: str, value: object
) -> None:
    forge_manifest(bundle, set_path(path, value))
    assert [check.name for check in verify_bundle(bundle).failures] == ["evidence"]


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "masks/../../x",
        "masks/00/1.safetensors",
        "masks/0/1.pkl",
        "ticket.json",
    ],
)
def test_a_manifest_that_lists_a_file_of_another_name(bundle: Path, name: str) -> None:
    record = {"sha256": "0" * 64, "size": 1}
    with refused(bundle):
        forge_manifest(bundle, lambda table: table["files"].update({name: record}))


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\x80\x04", b"PK\x03\x04", b'{"format": 1}', b"[" * 10**6, b'"' * 10**6],
)
def test_a_manifest_that_is_something_else(bundle: Path, data: bytes) -> None:
    with refused(bundle):
        (bundle / "ticket.json").write_bytes(data)


def test_a_manifest_of_more_than_4_mib(bundle: Path) -> None:
    with refused(bundle), (bundle / "ticket.json").open("r+b") as stream:
        stream.truncate(1 << 33)  # a hole; nothing of it is read


def test_a_manifest_with_another_spelling(bundle: Path) -> None:
    data = (bundle / "ticket.json").read_bytes()
    with refused(bundle):
        (bundle / "ticket.json").write_bytes(data.replace(b'"id":', b'"id" :'))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.update(architecture="os.system"),
        lambda t: t.update(num_classes=10**9),
        lambda t: t.update(more=1),
        lambda t: t["model_args"].update(checkpoint_path="/etc/passwd"),
        lambda t: t["pretrained_cfg"].update(url="http://127.0.0.1/evil"),
        lambda t: t["pretrained_cfg"].update(custom_load=0),
        lambda t: t["ticket"].update(network="timm:resnet18"),
        lambda t: t.pop("ticket"),
        lambda t: t["pretrained_cfg"].update(mean=[0]),
    ],
)
def test_a_config_that_names_something_else(
    bundle: Path, change: Callable[[Table], object]
) -> None:
    table = json.loads((bundle / "config.json").read_bytes())
    change(table)
    with refused(bundle):
        forge_file(bundle, "config.json", json.dumps(table).encode())
