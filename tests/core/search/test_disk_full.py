from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.runs import files
from ticket_hub.bundle import open_bundle
from ticket_hub.errors import StorageError
from ticket_hub.recipe import Recipe
from ticket_hub.runs import list_runs
from ticket_hub.search import search

KIB = [8, 24, 48, 72, 96, 128, 160, 200, 240, 280]


def mount(folder: Path, *options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that `mount` can resize."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mount(disk, "size=4k"):
        pytest.skip("needs the right to mount a tmpfs")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_of_any_size_leaves_a_readable_run_that_goes_on_when_there_is_space(
    tiny: Recipe, tmp_path: Path, small_disk: Path
) -> None:
    list(search(tiny, run_folder=tmp_path / "straight"))
    told: list[str] = []
    for size in KIB:
        assert mount(small_disk, "remount", f"size={size}k")
        try:
            list(search(tiny, run_folder=small_disk / "run"))
        except StorageError as error:
            told.append(error.problem)
        assert all(run.state != "damaged" for run in list_runs(small_disk))
        if (small_disk / "run/bundle/ticket.json").exists():
            bundle = open_bundle(small_disk / "run/bundle")
            assert [bundle.mask(level.index, 0) for level in bundle.levels]
    assert len(told) > 2
    assert all("disk is full" in problem for problem in told)
    assert mount(small_disk, "remount", "size=4m")
    list(search(tiny, run_folder=small_disk / "run"))
    assert files(small_disk / "run") == files(tmp_path / "straight")
