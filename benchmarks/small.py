"""Training what is left of a network beside training its zeros: milliseconds a step, in turns.

    python benchmarks/small.py [--networks vgg-19 resnet-20] [--rate 0.5] [--steps 20]

Of each network the units of the smallest L1 norm are dropped at `--rate`. The steps are those of a
search: `dense` and `masked` are levels that the backend `lanes` trains, `small` is what the backend
`small` makes of the masked one; SGD with momentum and weight decay, on random images of CIFAR-10's
size, with flips and crops. Steps of the three take turns, so that a busy moment meets all of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Mapping

import torch

from ticket_hub.data import DataSet, Part
from ticket_hub.environment import fingerprint
from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import full_mask, next_mask
from ticket_hub.recipe import DataSpec, NetworkSpec, PruningSpec, TrainingSpec
from ticket_hub.structured import structure_of
from ticket_hub.training import Member, Plain
from ticket_hub.training.lanes import Lanes
from ticket_hub.training.small import Small

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
        backends = forms(name, asked.rate, asked.batch)
        times = in_turns(backends, asked.steps)
        median = {form: statistics.median(each) for form, each in times.items()}
        found = {
            "network": name,
            "rate": asked.rate,
            "parameters": {form: count(backend) for form, backend in backends.items()},
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


def forms(name: str, rate: float, batch: int) -> dict[str, Plain]:
    """The dense network, the same with a mask, and what is left of it, as levels of a search."""
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


def in_turns(backends: Mapping[str, Plain], count: int) -> dict[str, list[float]]:
    """Milliseconds of each step."""
    times: dict[str, list[float]] = {form: [] for form in backends}
    for turn in range(-WARMUP, count):
        for form, backend in backends.items():
            began = time.perf_counter()
            backend.train(backend.iteration + 1)
            if turn >= 0:
                times[form].append(1000 * (time.perf_counter() - began))
    return times


def count(backend: Plain) -> int:
    """Numbers that are trained."""
    return sum(value.numel() for value in backend.lanes[0].parameters)


if __name__ == "__main__":
    main()
