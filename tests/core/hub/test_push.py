"""What a push demands of a bundle before it sends anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ticket_hub import push_bundle
from ticket_hub.bundle import verify_bundle
from ticket_hub.errors import BundleFormatError, HubNotFoundError
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.pull import pull
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


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleFormatError, match="There is no folder"):
        push_bundle(tmp_path / "nowhere", REPO, hub=tmp_path / "hub")


def test_a_damaged_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    hub = FolderHub(tmp_path / "hub")
    victim = next((bundle / "masks").rglob("*.safetensors"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleFormatError, match="not sound"):
        push(hub, bundle, REPO)
    with pytest.raises(HubNotFoundError):
        hub.snapshot(REPO)


LEFT = (".DS_Store", "Thumbs.db", "masks/._0", "masks/.nfs000001", "@eaDir/x/thumb.jpg", "Icon\r")


@pytest.mark.parametrize("name", LEFT)
def test_what_a_system_has_put_there_is_passed_over_and_named(
    bundle: Path, tmp_path: Path, name: str
) -> None:
    (bundle / name).parent.mkdir(parents=True, exist_ok=True)
    (bundle / name).write_bytes(b"x")
    shown = name.partition("/x")[0]
    report = verify_bundle(bundle)
    assert (report.failures, report.passed_over) == ((), (shown,))
    hub = FolderHub(tmp_path / "hub")
    assert push(hub, bundle, REPO).passed_over == (shown,)
    assert all(name != file.path for file in hub.snapshot(REPO).files)


def test_a_file_of_a_person_is_refused_with_the_one_advice_to_remove_it(
    bundle: Path, tmp_path: Path
) -> None:
    (bundle / "notes.txt").write_text("mine")
    with pytest.raises(BundleFormatError, match=r"notes\.txt .*Remove it") as refused:
        push(FolderHub(tmp_path / "hub"), bundle, REPO)
    assert refused.value.remedy == "Remove what is not of the bundle, and push again."


def test_a_cache_that_a_desktop_has_looked_into_is_pruned_and_checked(
    bundle: Path, tmp_path: Path
) -> None:
    hub, cache = FolderHub(tmp_path / "hub"), Cache(tmp_path / "cache")
    push(hub, bundle, REPO)
    pull(hub, REPO, cache=cache)
    for folder in [path for path in (tmp_path / "cache").rglob("*") if path.is_dir()]:
        (folder / ".DS_Store").write_bytes(b"\0\xff")
    assert cache.damaged() == []
    cache.prune()
    assert len(cache.bundles()) == 1
