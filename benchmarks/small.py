"""Training what is left of a network beside training its zeros: milliseconds a step, in turns.

    python benchmarks/small.py [--networks vgg-19 resnet-20] [--rate 0.5] [--steps 20]
    python benchmarks/small.py --networks vgg-14 mobilenet-v1 --rule signed-sum
    python benchmarks/small.py --removal --networks resnet-20 vgg-19

Of each network the units of the smallest L1 norm are dropped at `--rate`. The steps are those of a
search: `dense` and `masked` are levels that the backend `lanes` trains, `small` is what the backend
`small` makes of the masked one; SGD with momentum and weight decay, on random images of CIFAR-10's
size, with flips and crops. `forward` is a pass of a batch in evaluation mode. All take turns, so
that a busy moment meets all of them. `--rule signed-sum` drops units by the rule of SimplePruning's
table: of C units the C - floor(C * rate) + 1 whose incoming weights have the largest |sum| stay,
scored by the dense weights. `--removal` measures instead what it takes to leave the units out, from
the dense network to the smaller module, beside torch-pruning: the module with its weights, the
dependency graph, the scores by L1 norm, and the removal. Both leave as many parameters. `first` is
ours with the graph of the network and the test that its units may go, which a process makes once
for each network; `untested` is the same without the time of that test, which torch-pruning does not
make; `again` is ours for any further mask or weights of the network.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import math
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from unittest import mock

import torch
import torch_pruning
from torch import nn

from ticket_hub.data import DataSet, Part
from ticket_hub.environment import fingerprint
from ticket_hub.networks import architecture_for, build, initialize, outline
from ticket_hub.pruning import full_mask, next_mask
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import DataSpec, NetworkSpec, PruningSpec, TrainingSpec
from ticket_hub.structured import shrink, structure_of
from ticket_hub.structured.exactness import tested
from ticket_hub.training import Member, Plain
from ticket_hub.training.lanes import Lanes
from ticket_hub.training.small import Small
from ticket_hub.types import Architecture, Mask, PrunableLayer, Weights

KINDS = ("conv", "fc", "shortcut")
WARMUP = 2
SHAPE, CLASSES = (3, 32, 32), 10
TIMM_SHAPE = (3, 64, 64)  # of --removal: its networks halve images up to five times


def main() -> None:
    """Measure, and print one line of JSON for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["vgg-19", "resnet-20"])
    parser.add_argument("--rate", type=float, default=0.5)
    parser.add_argument("--rule", choices=["norm", "signed-sum"], default="norm")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--removal", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    facts = fingerprint("cpu")
    for name in asked.networks if asked.removal else ():
        print(json.dumps(removal(name, asked.rate, asked.steps) | {"machine": facts["device"]}))
    for name in asked.networks if not asked.removal else ():
        backends = forms(name, asked.rate, asked.batch, asked.rule)
        times = in_turns(actions(backends, asked.batch), asked.steps)
        median = {form: statistics.median(each) for form, each in times.items()}
        found = {
            "network": name,
            "rate": asked.rate,
            "rule": asked.rule,
            "parameters": {form: count(backend) for form, backend in backends.items()},
            "milliseconds": {form: round(value, 2) for form, value in median.items()},
            "quartiles": {
                form: [round(value, 2) for value in statistics.quantiles(each, n=4)[::2]]
                for form, each in times.items()
            },
            "dense over small": round(median["dense"] / median["small"], 2),
            "dense over small, forward": round(
                median["dense forward"] / median["small forward"], 2
            ),
            "batch": asked.batch,
            "steps": asked.steps,
            "threads": asked.threads,
            "machine": facts["device"],
            "torch": facts["torch"],
        }
        print(json.dumps(found))


def removal(name: str, rate: float, turns: int) -> dict[str, object]:
    """Milliseconds from the dense network to the smaller module: ours and torch-pruning's."""
    spec, shape = NetworkSpec(name=name), TIMM_SHAPE if name.startswith("timm:") else SHAPE
    architecture = architecture_for(spec, shape, CLASSES)
    theta0 = initialize(architecture, spec, 0)
    fixed = [layer.rpartition(".")[0] for layer in structure_of(architecture).fixed]
    left: dict[str, nn.Module] = {}
    tests: list[float] = []
    test: Callable[..., object] = tested

    def timed(*given: object) -> object:
        """The test that units may go, and how long it takes."""
        began = time.perf_counter()
        found = test(*given)
        tests.append(1000 * (time.perf_counter() - began))
        return found

    def again() -> None:
        mask = unit_mask(structure_of(architecture), outline(architecture).layers, theta0, rate)
        left["ours"] = shrink(architecture, theta0, mask).build()

    def first() -> None:
        structure_of.cache_clear()
        again()

    def theirs() -> None:
        left["torch-pruning"] = pruned_by_torch_pruning(architecture, theta0, rate, fixed)

    with mock.patch("ticket_hub.structured.dependencies.tested", timed):
        times = in_turns({"first": first, "torch-pruning": theirs, "again": again}, turns)
    times["untested"] = [a - b for a, b in zip(times["first"], tests[-turns:], strict=True)]
    ratios = {
        form: [a / b for a, b in zip(times[form], times["torch-pruning"], strict=True)]
        for form in ("first", "untested", "again")
    }
    return {
        "network": name,
        "rate": rate,
        "parameters": {form: sum(p.numel() for p in m.parameters()) for form, m in left.items()},
        "milliseconds": {form: round(statistics.median(each), 1) for form, each in times.items()},
        "ours over torch-pruning": {
            form: round(statistics.median(each), 2) for form, each in ratios.items()
        },
        "quartiles": {
            form: [round(each, 2) for each in statistics.quantiles(some, n=4)[::2]]
            for form, some in ratios.items()
        },
        "turns": turns,
    }


def pruned_by_torch_pruning(
    architecture: Architecture, theta0: Weights, rate: float, fixed: Sequence[str]
) -> nn.Module:
    """The same network by torch-pruning's own pruner; units of the fixed layers stay."""
    module = build(architecture)
    module.load_state_dict(dict(theta0))
    heads = {
        part.qkv: part.num_heads
        for part in module.modules()
        if isinstance(getattr(part, "qkv", None), nn.Linear)
    }
    # Heads are dropped whole, as ours are.
    whole = {"prune_num_heads": True, "prune_head_dims": False, "head_pruning_ratio": rate}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch_pruning.pruner.BasePruner(
            module,
            torch.rand(2, *architecture.input_shape),
            importance=torch_pruning.importance.GroupMagnitudeImportance(p=1),
            pruning_ratio=rate,
            ignored_layers=[module.get_submodule(path) for path in fixed],
            **({"num_heads": heads} | whole if heads else {}),
        ).step()
    return module


def unit_mask(
    structure: Structure, layers: tuple[PrunableLayer, ...], theta0: Weights, rate: float
) -> Mask:
    """The units of the smallest L1 norm of each group dropped."""
    return next_mask(
        PruningSpec(granularity="unit", rates=dict.fromkeys(KINDS, rate)),
        layers,
        initial=theta0,
        trained=theta0,
        mask=full_mask(layers),
        seed=0,
        structure=structure,
    )


def forms(name: str, rate: float, batch: int, rule: str) -> dict[str, Plain]:
    """The dense network, the same with a mask, and what is left of it, as levels of a search."""
    spec = NetworkSpec(name=name)
    architecture = architecture_for(spec, SHAPE, CLASSES)
    theta0, layers = initialize(architecture, spec, 0), outline(architecture).layers
    structure = structure_of(architecture)
    if rule == "signed-sum":
        mask: Mask = signed_sum_mask(structure, theta0, full_mask(layers), rate)
    else:
        mask = unit_mask(structure, layers, theta0, rate)
    whole = Member(name="trial-0", seed=0, level=0, weights=theta0, mask=full_mask(layers))
    training = TrainingSpec(
        iterations=10_000,
        batch_size=batch,
        optimizer="sgd",
        lr=0.01,
        momentum=0.9,
        weight_decay=1e-4,
        evaluate_every=1000,
    )
    pruned = dataclasses.replace(whole, level=1, mask=mask)
    data = images()
    return {
        "dense": Lanes(architecture, data, training, [whole]),
        "masked": Lanes(architecture, data, training, [pruned]),
        "small": Small(architecture, data, training, [pruned]),
    }


def images() -> DataSet:
    """Random images and labels."""
    generator = torch.Generator().manual_seed(0)
    parts = [
        Part(
            inputs=torch.randint(0, 256, (size, *SHAPE), dtype=torch.uint8, generator=generator),
            labels=torch.randint(0, CLASSES, (size,), generator=generator),
        )
        for size in (2000, 100, 100)
    ]
    return DataSet(
        spec=DataSpec(name="cifar10", validation=100, flip=True, crop=4),
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        classes=CLASSES,
        mean=torch.full((3,), 0.5),
        std=torch.full((3,), 0.25),
        fingerprint="random",
    )


def signed_sum_mask(structure: Structure, weights: Weights, mask: Mask, rate: float) -> Mask:
    """Of each group keep C - floor(C * rate) + 1 units, of the largest |sum of what comes in|."""
    left = {name: keep.clone() for name, keep in mask.items()}
    for group in structure.groups:
        sums = torch.stack(
            [
                weights[name].flatten(1).sum(1)[group.rows[name]].sum(1).abs()
                for name in group.producers(mask)
            ]
        ).sum(0)
        kept = group.size - math.floor(group.size * rate) + 1
        gone = torch.ones(group.size, dtype=torch.bool)
        gone[sums.argsort(descending=True, stable=True)[:kept]] = False
        group.clear(left, gone)
    return left


def actions(backends: Mapping[str, Plain], batch: int) -> Mapping[str, Callable[[], object]]:
    """A step of each form, and a forward pass of the dense and the smaller network."""
    inputs = torch.rand(batch, *SHAPE, generator=torch.Generator().manual_seed(0))

    def step(backend: Plain) -> None:
        backend.train(backend.iteration + 1)

    def forward(backend: Plain) -> None:
        with torch.inference_mode():
            backend.lanes[0].module.eval()(inputs)

    found = {form: partial(step, backend) for form, backend in backends.items()}
    return found | {
        f"{form} forward": partial(forward, backends[form]) for form in ("dense", "small")
    }


def in_turns(runs: Mapping[str, Callable[[], object]], count: int) -> dict[str, list[float]]:
    """Milliseconds of each run."""
    times: dict[str, list[float]] = {form: [] for form in runs}
    for turn in range(-WARMUP, count):
        for form, run in runs.items():
            gc.collect()  # what the run before has left is not this one's
            began = time.perf_counter()
            run()
            if turn >= 0:
                times[form].append(1000 * (time.perf_counter() - began))
    return times


def count(backend: Plain) -> int:
    """Numbers that are trained."""
    return sum(value.numel() for value in backend.lanes[0].parameters)


if __name__ == "__main__":
    main()
