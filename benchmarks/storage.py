"""Training pictures from disk: how many a second, and whether memory stays as it is.

    python benchmarks/storage.py [--pictures 2000] [--batches 60]

Synthetic photographs are packed with a short side of 256, and batches of 64 windows of 224 are
decoded, cut, scaled and mirrored, as training does it. Figures are for one core: this process is
bound to one, on which its one decoding thread runs, too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measure import machine
from PIL import Image

from ticket_hub.data import data_pack, load
from ticket_hub.recipe import DataSpec, TrainingSpec
from ticket_hub.training import Member
from ticket_hub.training.batches import Batches

BATCH, SIDE, SIZE = 64, 256, 224


def photographs(folder: Path, count: int) -> None:
    """Smooth pictures with some grain, of 341x256 and 256x341: JPEG of about 25 kB."""
    generator = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(generator.integers(0, 255, (24, 24, 3), dtype=np.uint8))
        size = (341, 256) if number % 2 else (256, 341)
        values = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
        grain = generator.integers(-12, 12, values.shape, dtype=np.int16)
        path = folder / ("train" if number % 10 else "test") / f"class-{number % 7}/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((values + grain).clip(0, 255).astype(np.uint8)).save(path, quality=90)


def main() -> None:
    """Make pictures, pack them, and read batches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--batches", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photographs(folder / "pictures", options.pictures)
        name = f"folder:{folder / 'pictures'}"
        packed = data_pack(name, short_side=SIDE, data_dir=folder)
        spec = DataSpec(
            name=name, storage="disk", short_side=SIDE, size=SIZE, crop="resized", flip=True,
            validation=100,
        )  # fmt: skip
        data = load(spec, folder)
        training = TrainingSpec(iterations=10**6, batch_size=BATCH, optimizer="sgd", lr=0.1)
        batches = Batches(data, training, [Member(name="a", seed=0, level=0, weights={}, mask={})])
        wall, cpu, memory = [], [], []
        at = left = 0
        for _ in range(options.batches):
            if not left:
                left = batches.load(at, at + 50)
            began = time.perf_counter(), time.process_time()
            batches.feed()
            batches.inputs()
            batches.advance()
            wall.append(time.perf_counter() - began[0])
            cpu.append(time.process_time() - began[1])
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            at, left = at + 1, left - 1
        middle = memory[len(memory) // 2]
        size = (packed / "pictures.bin").stat().st_size
        print(f"{'bytes of a picture':34} {size / options.pictures:10,.0f}")
        print(f"{'images a second, wall':34} {BATCH * len(wall) / sum(wall):10.0f}")
        print(f"{'images a second of CPU time':34} {BATCH * len(cpu) / sum(cpu):10.0f}")
        print(f"{'batch of 64, median ms of wall':34} {1e3 * statistics.median(wall):10.0f}")
        print(f"{'MiB more in the second half':34} {memory[-1] - middle:10.1f}")
        print(json.dumps(machine()))


if __name__ == "__main__":
    main()
