"""Training on a GPU, against an expert's loop there: eager, as one CUDA graph, and compiled.

    python benchmarks/gpu.py --rows lenet-300-100 resnet-20 --rounds 5 --json figures.json

All sides of a row and number format train the same network on the same random pictures, which lie
on the device as numbers, and take turns: wall time of one step of one member, evaluation left out.
The loops may use any kernel of cuDNN; the engine uses those that repeat. On a CPU, to try the
script itself, the eager loop is the only reference.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from measure import TimedSide, machine, spread
from sides import LENET, dense_member
from torch import Tensor, nn
from usual import TightLoop

from ticket_hub.data import DataSet, Part, normalized
from ticket_hub.networks import architecture_for, build
from ticket_hub.recipe import DataSpec, NetworkSpec, TrainingSpec
from ticket_hub.training.choice import BACKENDS, choose
from ticket_hub.training.layout import lay_out
from ticket_hub.training.settings import autocast, deliberate, on_device
from ticket_hub.types import Architecture

Precision = Literal["float32", "tf32", "bf16"]
SGD = TrainingSpec(iterations=10**6, batch_size=128, optimizer="sgd", lr=0.03, momentum=0.9)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is trained.

    Attributes:
        examples: that lie on the device.
        members: how many the engine trains at once, one side each.
        steps: of a round, of each side.
    """

    shape: tuple[int, int, int]
    classes: int = 10
    examples: int = 6000
    training: TrainingSpec = SGD
    members: tuple[int, ...]
    precisions: tuple[Precision, ...] = ("float32", "tf32", "bf16")
    steps: int


ROWS: Mapping[str, Row] = {
    "lenet-300-100": Row(
        shape=(1, 28, 28),
        training=LENET,
        members=(1, 15, 60),
        precisions=("float32", "tf32"),
        steps=1000,
    ),
    "resnet-20": Row(shape=(3, 32, 32), members=(1, 4, 8), steps=100),
    "vgg-19": Row(shape=(3, 32, 32), members=(1, 2), steps=50),
    "timm:resnet50": Row(shape=(3, 224, 224), classes=1000, examples=512, members=(1,), steps=10),
}


class GraphedLoop(TightLoop):
    """The same as one CUDA graph of the whole step, replayed on a stream of its own."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - those of the loop
        super().__init__(*args, **options)
        self._chosen = self.next_batch().clone()
        self.module.train()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # libraries make their workspaces
                self.step(self._chosen)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self.step(self._chosen)

    def train(self, iterations: int) -> None:
        """So many optimizer steps."""
        for _ in range(iterations):
            self._chosen.copy_(self.next_batch())
            self._graph.replay()


class _Cast(nn.Module):
    """A network in the number format of a recipe, with logits in float32."""

    def __init__(self, inner: nn.Module, training: TrainingSpec, device: torch.device) -> None:
        super().__init__()
        self._inner, self._training, self._device = inner, training, device

    def forward(self, images: Tensor) -> Tensor:
        with autocast(self._training, self._device):
            logits: Tensor = self._inner(images)
        return logits.float()


def random_pictures(row: Row, device: torch.device) -> DataSet:
    """Pictures and classes without a meaning; the speed does not depend on it."""
    pixels = torch.randint(0, 256, (row.examples, *row.shape), dtype=torch.uint8)
    part = Part(inputs=pixels, labels=torch.randint(0, row.classes, (row.examples,)))
    few = part.take(torch.arange(10))
    mean, std = torch.zeros(row.shape[0]), torch.ones(row.shape[0])
    data = DataSet(
        spec=DataSpec(name="random", validation=10),
        train=part,
        validation=few,
        test=few,
        classes=row.classes,
        mean=mean,
        std=std,
        fingerprint="random",
    )
    return data.to(device)


def sides_of(name: str, row: Row, precision: Precision, data: DataSet) -> dict[str, TimedSide]:
    """The eager loop, and what is compared with it."""
    training = replace(row.training, precision=precision)
    architecture = architecture_for(NetworkSpec(name=name), row.shape, row.classes)
    loops: dict[str, TightLoop] = {"loop": _loop(TightLoop, architecture, training, data)}
    if data.device.type == "cuda":
        loops["graph"] = _loop(GraphedLoop, architecture, training, data)
        loops["compiled"] = _loop(TightLoop, architecture, training, data, compiles=True)
    sides = {key: _side(row, _free(training)(loop.train)) for key, loop in loops.items()}
    for count in row.members:
        members = [dense_member(architecture, seed) for seed in range(count)]
        backend = choose(build(architecture), training, data, 1.0)
        engine = BACKENDS[backend](architecture, data, training, members)

        def train(steps: int, engine: Any = engine) -> None:  # noqa: ANN401 - a backend
            with deliberate(training):
                engine.train(engine.iteration + steps)

        sides[f"{backend}, {count} at once"] = _side(row, train, count)
    return sides


@contextlib.contextmanager
def _free(training: TrainingSpec) -> Iterator[None]:
    """The recipe's number format, and whatever kernels cuDNN finds fastest."""
    with deliberate(training):
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = False, True
        # torch.compile reads the older of two settings, and refuses to where they differ.
        torch.set_float32_matmul_precision("high" if training.precision == "tf32" else "highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision("highest")


def _side(row: Row, train: Callable[[int], None], trials: int = 1) -> TimedSide:
    return TimedSide(
        train=train, iterations=row.steps, evaluate=lambda: None, trials=trials, clock=_now
    )


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _loop(
    kind: type[TightLoop],
    architecture: Architecture,
    training: TrainingSpec,
    data: DataSet,
    *,
    compiles: bool = False,
) -> TightLoop:
    module = build(architecture).to(data.device)
    layout = lay_out(module, training.precision)
    images = normalized(data.train.inputs, data).contiguous(memory_format=layout)
    graphed = kind is GraphedLoop
    optimizer: torch.optim.Optimizer = torch.optim.SGD(
        module.parameters(), training.lr, momentum=training.momentum, fused=True
    )
    if training.optimizer == "adam":
        optimizer = torch.optim.Adam(
            module.parameters(), training.lr, fused=True, capturable=graphed
        )
    if compiles:
        module.compile()
    cast = _Cast(module, training, data.device)
    with _free(training):
        return kind(images, data.train.labels, cast, optimizer, batch=training.batch_size)


def compare_all(sides: dict[str, TimedSide], rounds: int) -> dict[str, Any]:
    """How many times faster than the loop each of the others is, over rounds in turns.

    A side that fails is left out, and said so: time on a GPU is too dear to lose all others.
    """
    for key, side in list(sides.items()):
        try:
            side.seconds()
        except Exception as error:  # noqa: BLE001 - whatever a compiler raises
            print(f"{key} is left out: {type(error).__name__}: {error}"[:300])
            del sides[key]
    took = [{key: side.seconds() for key, side in sides.items()} for _ in range(rounds)]
    return {
        key: {
            **spread([times["loop"] / times[key] for times in took]),
            "microseconds": 1e6 * min(times[key] for times in took),
        }
        for key in sides
    }


def main() -> None:
    """Run the rows, print a table, and write JSON after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of a round, instead of the row's own number")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", type=Path, help="where the figures are written")
    options = parser.parse_args()
    device = torch.device(options.device)
    precisions: tuple[Precision, ...] = ("float32",) if device.type == "cpu" else ()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "none"
    found: dict[str, Any] = {"machine": {**machine(), "gpu": name}, "rows": {}}
    print(f"{'row':24} {'':24} {'ratio':>7} {'lowest':>7} {'highest':>7} {'us a step':>10}")
    for key in options.rows:
        row = replace(ROWS[key], steps=options.steps or ROWS[key].steps)
        with on_device(device):
            data = random_pictures(row, device)
            for precision in precisions or row.precisions:
                figures = compare_all(sides_of(key, row, precision, data), options.rounds)
                found["rows"][f"{key}, {precision}"] = figures
                for side, one in figures.items():
                    print(
                        f"{key + ', ' + precision:24} {side:24} {one['ratio']:7.2f} "
                        f"{one['lowest']:7.2f} {one['highest']:7.2f} {one['microseconds']:10.1f}",
                        flush=True,
                    )
                if options.json is not None:
                    options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
