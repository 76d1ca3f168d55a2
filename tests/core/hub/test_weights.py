"""Pretrained weights that searches fetch: by several at once, and after a cut."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ticket_hub.bundle.reference import kept_weights
from ticket_hub.errors import HubError
from ticket_hub.home import cache_folder
from ticket_hub.hub.base import Snapshot
from ticket_hub.hub.cache import Cache
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.weights import download_weights, fetch_weights

REPO, FILE = "ann/net", "model.safetensors"
DATA = bytes(range(256)) * 16


class SlowHub(FolderHub):
    """A hub whose files come in pieces, so that who fetches at the same time meets."""

    def download(
        self, snapshot: Snapshot, path: str, target: Path, *, offset: int, most: int
    ) -> None:
        del most
        with target.open("ab") as goal:
            goal.truncate(offset)
            for piece in self.blobs.pieces(snapshot.files[0].sha256 or "", path, offset):
                for place in range(0, len(piece), 512):
                    goal.write(piece[place : place + 512])
                    goal.flush()
                    time.sleep(0.005)


@pytest.fixture
def hub(tmp_path: Path) -> SlowHub:
    found, file = SlowHub(tmp_path / "hub"), tmp_path / FILE
    file.write_bytes(DATA)
    found.push(REPO, [(FILE, file)], message="weights", parent=None)
    return found


def test_several_searches_at_once_fetch_the_same_weights(hub: SlowHub) -> None:
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(download_weights, hub, REPO, None, FILE) for _ in range(3)]
    assert {each.result().path.read_bytes() for each in asked} == {DATA}


def test_what_was_cut_off_is_gone_on_with_and_what_is_too_long_begins_anew(hub: SlowHub) -> None:
    part = cache_folder() / "weights" / f"{hub.snapshot(REPO).commit}-{FILE}.part"
    part.parent.mkdir(parents=True)
    for left in (DATA[:1000], DATA + b"more"):
        part.write_bytes(left)
        found = download_weights(hub, REPO, None, FILE)
        assert found.path.read_bytes() == DATA
        found.path.unlink()
    part.write_bytes(b"other" + DATA[5:])
    with pytest.raises(HubError, match="other bytes"):
        download_weights(hub, REPO, None, FILE)
    assert download_weights(hub, REPO, None, FILE).path == kept_weights(found.sha256)


def test_weights_that_were_damaged_here_are_fetched_anew(hub: SlowHub) -> None:
    found = fetch_weights(f"hub:{REPO}", hub=hub.root)
    assert fetch_weights(found.source, found.sha256, hub=hub.root / "gone") == found
    found.path.write_bytes(DATA[:-1] + b"?")
    assert fetch_weights(found.source, found.sha256, hub=hub.root) == found
    assert found.path.read_bytes() == DATA


def test_a_damaged_note_of_a_commit_hides_no_other(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.remember("hub", REPO, "v1", "a" * 40)
    (note,) = tmp_path.glob("hubs/*/ann/net/refs/v1")
    note.write_bytes(b"\xff\xfe")
    assert cache.pulled(REPO, "v1") == []
    assert cache.recall("hub", REPO, "v1") is None
