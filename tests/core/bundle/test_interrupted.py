"""A reader sees a bundle as it was, or as it is now, wherever the write of it was cut off."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_hub.bundle import BundleContent, open_bundle, verify_bundle, write_bundle
from ticket_hub.bundle.store import Store
from ticket_hub.errors import BundleError

# Updates a copy of a bundle once for every rename that this takes, in a process that dies there.
KILLED = """
import os, shutil, sys
from pathlib import Path
from ticket_hub.bundle import content_of, open_bundle, write_bundle

def die_at(count):
    def hook(event, arguments):
        nonlocal count
        if event == "os.rename":
            count -= 1
            if count < 0:
                os._exit(9)
    sys.addaudithook(hook)

old, new, work = map(Path, sys.argv[1:])
content = content_of(open_bundle(new))
for count in range(1000):
    folder = Path(shutil.copytree(old, work / str(count)))
    child = os.fork()
    if not child:
        die_at(count)
        write_bundle(folder, content)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(count)
"""


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_killed_at_any_rename_the_bundle_is_whole_and_the_next_write_completes_it(
    tmp_path: Path, contents: Callable[..., BundleContent]
) -> None:
    content = contents(trials=1)
    write_bundle(tmp_path / "old", content.only(0, 1))
    write_bundle(tmp_path / "new", content)
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED]
        + [str(tmp_path / name) for name in ("old", "new", "work")],
        check=True,
        capture_output=True,
        text=True,
    )
    kills = int(done.stdout)
    assert kills >= 8
    states = {verify_bundle(tmp_path / name): name for name in ("old", "new")}
    for count in range(kills):
        folder = tmp_path / "work" / str(count)
        report = verify_bundle(folder)
        assert report.holds, report.failures
        assert report in states
        write_bundle(folder, content)
        for leftover in list(folder.rglob(".*.part")):
            leftover.unlink()
        assert files(folder) == files(tmp_path / "new")


def test_files_that_wait_for_their_manifest_are_not_seen_by_readers(
    bundle: Path, content: BundleContent
) -> None:
    before = files(bundle)
    store = Store(bundle)
    store.put("metrics.json", [b"new"])
    store.put("masks/0/9.safetensors", [b"new"])
    assert verify_bundle(bundle).holds
    write_bundle(bundle, content)
    assert {name: files(bundle)[name] for name in before} == before
    assert not (bundle / ".staged").exists()


def test_readers_see_whole_bundles_while_one_is_written(
    tmp_path: Path, content: BundleContent
) -> None:
    write_bundle(tmp_path, content.only(0))
    stop = threading.Event()

    def write() -> None:
        for turn in range(12):
            write_bundle(tmp_path, content.only(*range(1 + turn % 4)))
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not stop.is_set():
        opened = open_bundle(tmp_path)
        try:
            seen.add(opened.ticket(0).id)
        except BundleError as error:
            pytest.fail(f"half a bundle was seen: {error}")
    writer.join()
    assert len(seen) == 1


def test_a_bundle_whose_manifest_is_damaged_is_written_anew(
    bundle: Path, content: BundleContent
) -> None:
    good = files(bundle)
    (bundle / "ticket.json").write_bytes(b"{")
    (bundle / "metrics.json").write_bytes(b"x")
    write_bundle(bundle, content)
    assert files(bundle) == good


def test_a_file_that_was_lost_is_written_again(bundle: Path, content: BundleContent) -> None:
    good = files(bundle)
    shutil.rmtree(bundle / "masks")
    (bundle / "metrics.json").unlink()
    write_bundle(bundle, content)
    assert files(bundle) == good
