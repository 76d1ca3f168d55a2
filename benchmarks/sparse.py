"""What training over survivors costs, at each density of a ladder of real tickets.

    python benchmarks/sparse.py [DATA_DIR] [--batch-size 60] [--rounds 5]

LeNet-300-100 on MNIST with Adam, one thread. The tickets come from a short search (2,000
iterations a level), so their survivors lie where training puts them. For each chosen level every
backend trains some steps and reads validation and test (15,000 images), in interleaved rounds;
figures are medians per CPU-second of this process, and ratios are medians of the ratios within a
round. One evaluation for every 100 steps is what `it/s` and the last ratio count.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ticket_hub.data import DataSet, load
from ticket_hub.home import data_folder
from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import density, full_mask, next_mask
from ticket_hub.recipe import DataSpec, NetworkSpec, PruningSpec, TrainingSpec
from ticket_hub.training.backend import Backend
from ticket_hub.training.member import Member
from ticket_hub.training.pixels import cut
from ticket_hub.training.sparse import SparseNumba, SparseTorch
from ticket_hub.training.stack import Stack
from ticket_hub.types import Architecture, Mask, Weights

LEVELS = (0, 1, 2, 3, 4, 5, 6, 7, 10, 14, 15, 20)
KINDS: Mapping[str, Callable[..., Backend]] = {
    "stack": Stack,
    "sparse-torch": SparseTorch,
    "sparse-numba": SparseNumba,
}
EVERY = 100
SLICE = 1000  # examples to an evaluation, as the driver asks for them
SECONDS = 0.15  # of training in a round


@dataclass(frozen=True)
class StepCost:
    """CPU-seconds of one step, and of one reading of validation and test."""

    step: float
    reading: float

    @property
    def iteration(self) -> float:
        """One step and its share of a reading."""
        return self.step + self.reading / EVERY


def tickets(
    architecture: Architecture, data: DataSet, training: TrainingSpec
) -> dict[int, tuple[Weights, Mask]]:
    """The chosen levels of a short search."""
    layers = outline(architecture).layers
    initial = initialize(architecture, NetworkSpec(name=architecture.name), 0)
    mask: dict[str, Tensor] = full_mask(layers)
    found: dict[int, tuple[Weights, Mask]] = {}
    for level in range(max(LEVELS) + 1):
        if level in LEVELS:
            found[level] = (initial, mask)
        backend = SparseNumba(architecture, data, training, [member(initial, mask)])
        backend.train(2000)
        trained = backend.weights()[0]
        mask = next_mask(PruningSpec(), layers, initial=initial, trained=trained, mask=mask, seed=0)
    return found


def member(weights: Weights, mask: Mask) -> Member:
    """The one member that is timed."""
    return Member(name="trial-0", seed=0, level=0, weights=weights, mask=mask)


def measure(backend: Backend, data: DataSet, steps: int) -> StepCost:
    """Train some steps and read once."""
    begin = time.process_time()
    backend.train(backend.iteration + steps)
    middle = time.process_time()
    read(backend, data)
    return StepCost((middle - begin) / steps, time.process_time() - middle)


def read(backend: Backend, data: DataSet) -> None:
    """Read validation and test in slices."""
    for part in (data.validation, data.test):
        for piece in cut(part, SLICE):
            backend.evaluate(piece)


def compare(
    backends: Mapping[str, Backend], data: DataSet, rounds: int
) -> dict[str, list[StepCost]]:
    """Interleaved rounds of all backends."""
    steps = {}
    for name, backend in backends.items():
        measure(backend, data, 20)
        steps[name] = max(20, int(SECONDS / measure(backend, data, 20).step))
    costs: dict[str, list[StepCost]] = {name: [] for name in backends}
    for _ in range(rounds):
        for name, backend in backends.items():
            costs[name].append(measure(backend, data, steps[name]))
    return costs


def main() -> None:
    """Print one line for each backend at each density."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data_dir", nargs="?", type=Path, default=data_folder())
    parser.add_argument("--batch-size", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load(DataSpec(name="mnist"), options.data_dir)
    architecture = architecture_for(
        NetworkSpec(name="lenet-300-100"), data.input_shape, data.classes
    )
    training = TrainingSpec(
        iterations=50_000, batch_size=options.batch_size, optimizer="adam", lr=1.2e-3
    )
    print(f"torch {torch.__version__}, {platform.processor()}, batch {options.batch_size}")
    print("density  backend        step us  reading ms    it/s   step  reading  both (x stack)")
    for weights, mask in tickets(architecture, data, training).values():
        backends = {
            name: kind(architecture, data, training, [member(weights, mask)])
            for name, kind in KINDS.items()
        }
        report(density(mask), compare(backends, data, options.rounds))


def report(share: float, costs: Mapping[str, list[StepCost]]) -> None:
    """One line for each backend."""

    def ratio(name: str, value: Callable[[StepCost], float]) -> float:
        pairs = zip(costs["stack"], costs[name], strict=True)
        return statistics.median(value(stack) / value(own) for stack, own in pairs)

    for name, own in costs.items():
        step = statistics.median(cost.step for cost in own)
        reading = statistics.median(cost.reading for cost in own)
        speed = statistics.median(1 / cost.iteration for cost in own)
        print(
            f"{share:7.3f}  {name:12} {step * 1e6:9.1f} {reading * 1e3:11.2f} {speed:7.0f}"
            f" {ratio(name, lambda c: c.step):6.2f} {ratio(name, lambda c: c.reading):8.2f}"
            f" {ratio(name, lambda c: c.iteration):6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
