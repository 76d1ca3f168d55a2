"""Training what is left of a network beside training its zeros: images per second, in turns.

    python benchmarks/small.py [--networks vgg-19 resnet-20] [--rate 0.5] [--steps 20]

Of each network the units of the smallest L1 norm are dropped at `--rate`. One step is a forward
pass, a backward pass and SGD with momentum, on random images of CIFAR-10's size; the masked
network keeps its mask through it. Steps of the dense, the masked and the smaller network take
turns, so that a busy moment meets all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn import functional

from ticket_hub.environment import fingerprint
from ticket_hub.networks import architecture_for, build, initialize, outline
from ticket_hub.pruning import full_mask, next_mask
from ticket_hub.pruning.keeping import load_masked
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.structured import shrink, structure_of

WARMUP = 2
SHAPE, CLASSES = (3, 32, 32), 10


def main() -> None:
    """Measure, and print one line of JSON for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["vgg-19", "resnet-20"])
    parser.add_argument("--rate", type=float, default=0.5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    facts = fingerprint("cpu")
    for name in asked.networks:
        modules = forms(name, asked.rate)
        times = in_turns(
            {form: step(module, asked.batch) for form, module in modules.items()}, asked.steps
        )
        median = {form: statistics.median(each) for form, each in times.items()}
        found = {
            "network": name,
            "rate": asked.rate,
            "parameters": {form: count(module) for form, module in modules.items()},
            "milliseconds": {form: round(value, 2) for form, value in median.items()},
            "quartiles": {
                form: [round(value, 2) for value in statistics.quantiles(each, n=4)[::2]]
                for form, each in times.items()
            },
            "small over dense": round(median["dense"] / median["small"], 2),
            "batch": asked.batch,
            "steps": asked.steps,
            "threads": asked.threads,
            "machine": facts["device"],
            "torch": facts["torch"],
        }
        print(json.dumps(found))


def forms(name: str, rate: float) -> dict[str, nn.Module]:
    """The dense network, the same with a mask, and what is left of it."""
    spec = NetworkSpec(name=name)
    architecture = architecture_for(spec, SHAPE, CLASSES)
    theta0, layers = initialize(architecture, spec, 0), outline(architecture).layers
    mask = next_mask(
        PruningSpec(granularity="unit", rates={"conv": rate, "fc": rate, "shortcut": rate}),
        layers,
        initial=theta0,
        trained=theta0,
        mask=full_mask(layers),
        seed=0,
        structure=structure_of(architecture),
    )
    dense, masked = build(architecture), build(architecture)
    dense.load_state_dict(dict(theta0))
    load_masked(masked, theta0, mask)
    return {"dense": dense, "masked": masked, "small": shrink(architecture, theta0, mask).build()}


def step(module: nn.Module, batch: int) -> Callable[[], None]:
    """One step of training on a fixed batch."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch, *SHAPE, generator=generator)
    labels = torch.randint(0, CLASSES, (batch,), generator=generator)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)

    def run() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(module(images), labels).backward()
        optimizer.step()

    return run


def in_turns(steps: Mapping[str, Callable[[], None]], count: int) -> dict[str, list[float]]:
    """Milliseconds of each step."""
    times: dict[str, list[float]] = {form: [] for form in steps}
    for turn in range(-WARMUP, count):
        for form, run in steps.items():
            began = time.perf_counter()
            run()
            if turn >= 0:
                times[form].append(1000 * (time.perf_counter() - began))
    return times


def count(module: nn.Module) -> int:
    """Numbers that are trained."""
    return sum(value.numel() for value in module.parameters())


if __name__ == "__main__":
    main()
