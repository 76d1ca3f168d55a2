"""What a push demands of a bundle before it sends anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ticket_hub.errors import BundleFormatError, HubNotFoundError
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.push import push

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
REPO = "ann/digits"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


def test_a_part_of_a_bundle_is_refused_with_the_way_to_the_whole(
    bundle: Path, tmp_path: Path
) -> None:
    hub = FolderHub(tmp_path / "hub")
    shutil.rmtree(bundle / "masks")
    with pytest.raises(BundleFormatError, match="are not here; nothing was sent") as refused:
        push(hub, bundle, REPO)
    assert "--all" in refused.value.remedy
    with pytest.raises(HubNotFoundError):
        hub.snapshot(REPO)


def test_a_damaged_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    hub = FolderHub(tmp_path / "hub")
    victim = next((bundle / "masks").rglob("*.safetensors"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleFormatError, match="not sound"):
        push(hub, bundle, REPO)
    with pytest.raises(HubNotFoundError):
        hub.snapshot(REPO)
