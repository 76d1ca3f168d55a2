"""Write and read a ticket of ResNet-50 against plain safetensors of its dense weights.

    python benchmarks/bundle.py [--rounds 7] [--density 0.2] [--theta0 survivors|dense]

Both sides are interleaved, round by round, in one process with one thread: wall time, CPU-seconds
(hashing included), and the memory beyond what was there before. The bundle's side syncs every
file to the disk, hashes what it writes and reads, recomputes the ticket's id, and refuses NaN;
the plain side is `safetensors.torch.save_file` and `load_file`, whose tensors are copied once, so
that they are read and not only mapped. With `--sync`, the plain side syncs its file, too.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch

from ticket_hub.bundle import (
    BundleContent,
    DataRecord,
    LevelContent,
    TrialContent,
    open_bundle,
    write_bundle,
)
from ticket_hub.bundle.manifest import Theta0
from ticket_hub.networks import initialize, outline
from ticket_hub.recipe import NetworkSpec, load_recipe
from ticket_hub.seeds import derive_seed
from ticket_hub.types import Architecture, Weights

NETWORK = "timm:resnet50"
ARCHITECTURE = Architecture(name=NETWORK, channels=3, height=224, width=224, classes=1000)
MEGABYTE = 1e6


def make_content(density: float) -> BundleContent:
    """A ticket with random survivors, and the weights of one initialization."""
    spec = NetworkSpec(name=NETWORK, init="kaiming-normal")
    generator = torch.Generator().manual_seed(derive_seed(0, "mask"))
    mask = {
        layer.name: torch.rand(layer.shape, generator=generator) < density
        for layer in outline(ARCHITECTURE).layers
    }
    return BundleContent(
        recipe=load_recipe("digits-quick"),
        architecture=ARCHITECTURE,
        data=DataRecord(name="digits", fingerprint="0" * 64, mean=(0.0,) * 3, std=(1.0,) * 3),
        environment={"torch": str(torch.__version__)},
        trials=(TrialContent(index=0, seed=0, theta0=initialize(ARCHITECTURE, spec, 0)),),
        levels=(LevelContent(index=1, masks=(mask,), curves=(), backends=()),),
    )


def memory(field: str) -> int:
    """A field of `/proc/self/status` in bytes, such as `VmRSS` or `VmHWM`."""
    text = Path("/proc/self/status").read_text("ascii")
    return 1024 * int(text.split(f"{field}:")[1].split()[0])


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds and CPU-seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    spent = time.perf_counter() - wall, time.process_time() - cpu
    del result
    gc.collect()
    return spent


def peak(work: Callable[[], object]) -> int:
    """The most bytes in memory while the work runs, beyond those before (Linux)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # so that nothing freed earlier is used again unseen
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # resets VmHWM
    before = memory("VmRSS")
    result = work()
    most = memory("VmHWM") - before
    del result
    return most


def plain(folder: Path, weights: Weights, *, sync: bool) -> tuple[Callable[[], object], ...]:
    """Save dense weights to a new file, and load them, as everybody does it."""
    turn = 0

    def save() -> None:
        nonlocal turn
        turn += 1
        path = folder / f"{turn}.safetensors"
        safetensors.torch.save_file(dict(weights), path)
        if sync:
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)

    def load() -> object:
        loaded = safetensors.torch.load_file(folder / f"{turn}.safetensors")
        return {name: value.clone() for name, value in loaded.items()}

    return save, load


def ours(folder: Path, content: BundleContent, theta0: str) -> tuple[Callable[[], object], ...]:
    """Write a new bundle, and read its ticket."""
    turn = 0

    def write() -> object:
        nonlocal turn
        turn += 1
        kind: Theta0 = "survivors" if theta0 == "survivors" else "dense"
        return write_bundle(folder / str(turn), content, theta0=kind)

    def read() -> object:
        return open_bundle(folder / str(turn)).ticket()

    return write, read


def main() -> None:
    """Measure, and print one line for each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--density", type=float, default=0.2)
    parser.add_argument("--theta0", choices=["survivors", "dense"], default="survivors")
    parser.add_argument("--sync", action="store_true", help="sync the plain file, too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    content = make_content(given.density)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        sides = {
            "bundle": ours(folder, content, given.theta0),
            "plain": plain(folder, content.trials[0].theta0, sync=given.sync),
        }
        times: dict[str, list[tuple[float, float, float, float]]] = {side: [] for side in sides}
        for _ in range(given.rounds + 1):
            for side, (write, read) in sides.items():
                times[side].append((*measure(write), *measure(read)))
        report({side: rows[1:] for side, rows in times.items()})
        for side, (write, read) in sides.items():
            extra = peak(write) / MEGABYTE, peak(read) / MEGABYTE
            print(f"{side}: extra memory to write {extra[0]:.0f} MB, to read {extra[1]:.0f} MB")
        size = sum(path.stat().st_size for path in (folder / "1").rglob("*") if path.is_file())
        dense = (folder / "1.safetensors").stat().st_size
        print(f"bundle: {size / MEGABYTE:.1f} MB on disk; dense: {dense / MEGABYTE:.1f} MB")


def report(times: dict[str, list[tuple[float, float, float, float]]]) -> None:
    """Medians per side, and the median of the ratios of each round."""
    for side, rows in times.items():
        middle = [statistics.median(column) for column in zip(*rows, strict=True)]
        print(
            f"{side}: write {middle[0]:.3f} s ({middle[1]:.3f} CPU-s), "
            f"read {middle[2]:.3f} s ({middle[3]:.3f} CPU-s), "
            f"write + read {middle[1] + middle[3]:.3f} CPU-s"
        )
    for label, columns in (("time", (0, 2)), ("CPU-seconds", (1, 3))):
        ratios = [
            sum(first[c] for c in columns) / sum(second[c] for c in columns)
            for first, second in zip(times["bundle"], times["plain"], strict=True)
        ]
        print(f"bundle / plain, {label} of write + read: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
