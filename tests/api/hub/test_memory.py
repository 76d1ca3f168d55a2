"""Files are larger than memory: they stream through, in both directions and both protocols."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.helpers.forked import fork_of
from ticket_hub_api.background import RunningHub

RunClient = Callable[..., str]
LIMIT = 200 << 20
SMALL = 80 << 20


def peak_memory(process: int) -> int:
    """The most memory that a process has ever used, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


def push_and_pull(
    run_client: RunClient, hub: RunningHub, folder: Path, size: int, transfer: str
) -> None:
    path = folder / "large.bin"
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        for start in range(0, size, 32 << 20):
            block = os.urandom(min(32 << 20, size - start))
            digest.update(block)
            stream.write(block)
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    name = api.create_repo("large").repo_id
    options = {"target": hub, "xet": transfer == "xet"}
    run_client("move_large.py", "push", name, str(path), **options)
    path.unlink()
    assert digest.hexdigest() in run_client("move_large.py", "pull", name, str(folder), **options)


@pytest.mark.skipif(sys.platform != "linux", reason="writes to /proc")
def test_a_file_takes_less_memory_than_it_has_bytes(
    run_client: RunClient, start: Callable[..., RunningHub], tmp_path: Path
) -> None:
    hub = start(part_bytes=8 << 20)
    process = fork_of(hub.process.pid)
    Path(f"/proc/{process}/clear_refs").write_text("5")  # forgets the peak until now
    before = peak_memory(process)
    push_and_pull(run_client, hub, tmp_path, SMALL, "lfs")
    assert peak_memory(process) - before < SMALL // 2


@pytest.mark.slow  # with each change a smaller one does, above
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("transfer", ["lfs", "xet"])
def test_a_file_larger_than_the_limit_streams_through(
    run_client: RunClient, start: Callable[..., RunningHub], tmp_path: Path, transfer: str
) -> None:
    hub = start(fresh=True, part_bytes=64 << 20)
    push_and_pull(run_client, hub, tmp_path, 230 << 20, transfer)
    assert peak_memory(hub.process.pid) < LIMIT


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("transfer", ["lfs", "xet"])
def test_two_gigabytes_stream_through(
    run_client: RunClient,
    start: Callable[..., RunningHub],
    tmp_path: Path,
    transfer: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub = start(fresh=True)
    push_and_pull(run_client, hub, tmp_path, 2 << 30, transfer)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{transfer}: the server's peak is {peak_memory(hub.process.pid) >> 20} MiB\n"
        )
    assert peak_memory(hub.process.pid) < LIMIT
