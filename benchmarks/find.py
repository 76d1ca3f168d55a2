"""Finding tickets, against the loop that people write today.

    python benchmarks/find.py --rows lenet-dense lenet-0.035-numba --rounds 5

Both sides do the same work in turns: training steps, and validation and test read every 100
iterations. What is compared is CPU time of one thread (rows of several processes: wall time) of
one iteration of one trial, composed from measured training and evaluation. The rows of one LeNet
and of ResNet-20 have a second reference in the same rounds: an expert's loop, with tensors in
memory, a fused optimizer and masks by one multiplication, which is the only one of the rows of
MLPs and of timm. The last two rows compare with the arithmetic alone: 1 is what is possible.
Real data are read from TICKET_DATA, in torchvision's layout.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from arithmetic import convolutions_side, products_side
from measure import TimedSide, compare, machine
from multicore import busy_machine, four_cores
from sides import LENET, dense_member, side_of, usual_side
from tickets import LEVELS, ladder, mnist
from torch import Tensor
from usual import TightLoop, UsualLoop, perceptron

from ticket_hub.data import DataSet, Part, load, normalized
from ticket_hub.home import data_folder
from ticket_hub.networks import architecture_for, build
from ticket_hub.pruning import density
from ticket_hub.recipe import DataSpec, NetworkSpec, TrainingSpec
from ticket_hub.training import Member
from ticket_hub.training.choice import BACKENDS, TABLE, choose
from ticket_hub.training.layout import lay_out
from ticket_hub.training.pixels import cut
from ticket_hub.types import Architecture

RESNET = TrainingSpec(iterations=10**6, batch_size=128, optimizer="sgd", lr=0.03, momentum=0.9)
TIMM = "timm:resnet10t"
PLAIN = DataSpec(name="cifar10", normalize="standard")
MOVED = replace(PLAIN, flip=True, crop=4)
TARGETS: Mapping[str, tuple[float, float]] = {
    "lenet-dense": (12, 18),
    "lenet-0.21-numba": (math.nan, math.nan),
    "lenet-0.035-torch": (25, 35),
    "lenet-0.035-numba": (60, 120),
    "search-torch": (15, 22),
    "search-numba": (30, 45),
    "resnet20-core": (1.25, 1.4),
    "resnet20-4cores": (1.6, 2.0),
    "timm-core": (1.0, 1.0),
    "mlp-32": (8, 15),
    "mlp-32-stack": (8, 15),
    "busy": (0.8, 1.2),
    "lenet-products": (math.nan, math.nan),
    "resnet20-convolutions": (math.nan, math.nan),
}
"""Ratio to the usual loop that must be reached, and what is aimed at; NaN where nothing is."""


def lenet(level: int, backend: str, rounds: int) -> dict[str, Any]:
    """One core, one trial, at one level of the ladder."""
    data, architecture = mnist()
    one = ladder()[level]
    usual = UsualLoop("mnist", data_folder(), architecture, 60, one.mask)
    engine = BACKENDS[backend](architecture, data, LENET, [one])
    tight = _tight_side(data, (784, 300, 100, 10), list(one.mask.values()))
    return compare(usual_side(usual, 30, 2), side_of(engine, data, 300), rounds, tight=tight)


def _tight_side(data: DataSet, sizes: tuple[int, ...], masks: Sequence[Tensor] = ()) -> TimedSide:
    """An expert's loop: all tensors in memory, normalized once, and few calls."""
    images, labels = normalized(data.train.inputs, data).flatten(1), data.train.labels
    module = perceptron(sizes)
    adam = torch.optim.Adam(module.parameters(), lr=LENET.lr, fused=True)
    loop = TightLoop(images, labels, module, adam, batch=LENET.batch_size, masks=masks)
    read = [(normalized(p.inputs, data).flatten(1), p.labels) for p in (data.validation, data.test)]
    return TimedSide(
        train=loop.train,
        iterations=300 if masks else 1000,
        evaluate=lambda: [loop.evaluate(*pair, size=len(pair[1])) for pair in read],
    )


def _tight_convolutions(architecture: Architecture, data: DataSet) -> TimedSide:
    """An expert's loop of a network of convolutions, channels-last, with fused SGD.

    Nothing is mirrored or cropped in it.
    """
    module = build(architecture)
    layout = lay_out(module)

    def laid_out(part: Part) -> Tensor:
        return normalized(part.inputs, data).contiguous(memory_format=layout)

    sgd = torch.optim.SGD(module.parameters(), RESNET.lr, momentum=RESNET.momentum, fused=True)
    images, labels = laid_out(data.train), data.train.labels
    loop = TightLoop(images, labels, module, sgd, batch=RESNET.batch_size)
    some = _some(data)
    pairs = [(laid_out(part), part.labels) for part in (some.validation, some.test)]
    return TimedSide(
        train=loop.train,
        iterations=4,
        evaluate=lambda: [loop.evaluate(*pair, size=100) for pair in pairs],
        share=2 / 15,
    )


def whole_search(without: str, rounds: int) -> dict[str, Any]:
    """All levels of a search, each on the backend that the table chooses; composed from rates.

    The usual loop's rate does not depend on the level, so one level stands for all.
    """
    data, architecture = mnist()
    loop = UsualLoop("mnist", data_folder(), architecture, 60, ladder()[0].mask)
    usual = usual_side(loop, 30, 2)
    engines = [_level_side(data, architecture, one, without) for one in ladder()]
    for side in (usual, *engines):
        side.seconds()
    ratios = []
    for _ in range(rounds):
        slow = usual.seconds()
        ratios.append(LEVELS * slow / sum(side.seconds() for side in engines))
    ratios.sort()
    return {
        "ratio": ratios[len(ratios) // 2],
        "lowest": ratios[0],
        "highest": ratios[-1],
        "rounds": rounds,
    }


def _level_side(data: DataSet, architecture: Architecture, one: Member, without: str) -> TimedSide:
    module, share = build(architecture), density(one.mask)
    rows = [row for row in TABLE if row.kind == "lenet" and row.device == "cpu"]
    name = next(r.backend for r in rows if share < r.below and r.backend != without)
    assert without or name == choose(module, LENET, data, share)
    return side_of(BACKENDS[name](architecture, data, LENET, [one]), data, 100)


def resnet_core(rounds: int) -> dict[str, Any]:
    """ResNet-20 on one core."""
    data, architecture, ours = _on_cifar10("resnet-20", MOVED)
    mask = dense_member(architecture).mask
    usual = UsualLoop("cifar10", data_folder(), architecture, 128, mask)
    tight = _tight_convolutions(architecture, data)
    return compare(usual_side(usual, 4, 2), ours, rounds, tight=tight)


def _on_cifar10(network: str, spec: DataSpec) -> tuple[DataSet, Architecture, TimedSide]:
    """A dense network and the engine's side of it, which reads 2,000 of the 15,000 images."""
    data = load(spec, data_folder())
    architecture = architecture_for(NetworkSpec(name=network), data.input_shape, 10)
    name = choose(build(architecture), RESNET, data, 1.0)
    engine = BACKENDS[name](architecture, data, RESNET, [dense_member(architecture)])
    return data, architecture, replace(side_of(engine, _some(data), 4), share=2 / 15)


def _some(data: DataSet) -> DataSet:
    """With 1,000 images to validate and 1,000 to test."""
    return replace(data, validation=cut(data.validation, 1000)[0], test=cut(data.test, 1000)[0])


def lenet_products(rounds: int) -> dict[str, Any]:
    """How much of a dense LeNet's time is its products."""
    data, architecture = mnist()
    engine = BACKENDS["stack"](architecture, data, LENET, [dense_member(architecture)])
    sizes = (784, 300, 100, 10)
    return compare(products_side(sizes, 300), side_of(engine, data, 300), rounds)


def resnet_convolutions(rounds: int) -> dict[str, Any]:
    """How much of ResNet-20's time is its convolutions."""
    data, architecture, ours = _on_cifar10("resnet-20", MOVED)
    module = build(architecture)
    alone = convolutions_side(module, data.input_shape, RESNET.batch_size, ours.iterations)
    return compare(alone, ours, rounds)


def timm_core(rounds: int) -> dict[str, Any]:
    """A network of timm on one core, against a tight loop."""
    data, architecture, ours = _on_cifar10(TIMM, PLAIN)
    return compare(_tight_convolutions(architecture, data), ours, rounds)


def mlp(backend: str, rounds: int) -> dict[str, Any]:
    """An MLP 64-32-16-10 on the digits, 32 trials, against a tight loop."""
    data = load(DataSpec(name="digits", validation=300), Path())
    architecture = architecture_for(NetworkSpec(name="lenet-32-16"), data.input_shape, 10)
    members = [dense_member(architecture, seed) for seed in range(32)]
    engine = BACKENDS[backend](architecture, data, LENET, members)
    reference = _tight_side(data, (64, 32, 16, 10))
    return compare(reference, side_of(engine, data, 300, trials=32), rounds)


ROWS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "lenet-dense": partial(lenet, 0, "stack"),
    "lenet-0.21-numba": partial(lenet, 7, "sparse-numba"),
    "lenet-0.035-torch": partial(lenet, 15, "sparse-torch"),
    "lenet-0.035-numba": partial(lenet, 15, "sparse-numba"),
    "search-torch": partial(whole_search, "sparse-numba"),
    "search-numba": partial(whole_search, ""),
    "resnet20-core": resnet_core,
    "resnet20-4cores": four_cores,
    "timm-core": timm_core,
    "mlp-32": partial(mlp, "sparse-numba"),
    "mlp-32-stack": partial(mlp, "stack"),
    "busy": busy_machine,
    "lenet-products": lenet_products,
    "resnet20-convolutions": resnet_convolutions,
}


def _tight(figures: Mapping[str, Any]) -> str:
    """The ratio to the expert's loop, where it took part."""
    if "tight_ratio" not in figures:
        return f"{'':22}"
    low, high = figures["tight_lowest"], figures["tight_highest"]
    return f"{figures['tight_ratio']:8.2f} ({low:.2f}-{high:.2f})".ljust(22)


def main() -> None:
    """Run the rows, print a table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where the figures are written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"machine": machine(), "rows": {}}
    columns = f"{'ratio':>8} {'lowest':>8} {'highest':>8} {'must':>6} {'aim':>6}"
    print(f"{'row':20} {columns} {'tight loop':>22}")
    for row in options.rows:
        began = time.monotonic()
        figures = ROWS[row](options.rounds)
        must, aim = TARGETS[row]
        found["rows"][row] = {**figures, "must": must, "aim": aim}
        print(
            f"{row:20} {figures['ratio']:8.2f} {figures['lowest']:8.2f} "
            f"{figures['highest']:8.2f} {must:6} {aim:6} {_tight(figures)}   "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    json.dump(found["machine"], sys.stdout)
    print()


if __name__ == "__main__":
    main()
