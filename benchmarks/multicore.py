"""Rows in which several processes work, measured in wall seconds."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from usual import UsualLoop

from ticket_hub.data import load
from ticket_hub.home import data_folder
from ticket_hub.networks import architecture_for, build, initialize, prunable_layers
from ticket_hub.pruning import full_mask
from ticket_hub.recipe import DataSpec, NetworkSpec, TrainingSpec
from ticket_hub.training import Member, Trainer
from ticket_hub.types import Architecture

CORES = 4
BURNERS = 8


def _members(architecture: Architecture, count: int) -> list[Member]:
    network = NetworkSpec(name=architecture.name)
    mask = full_mask(prunable_layers(build(architecture)))
    return [
        Member(
            name=f"trial-{seed}",
            seed=seed,
            level=0,
            weights=initialize(architecture, network, seed),
            mask=mask,
        )
        for seed in range(count)
    ]


def four_cores(rounds: int) -> dict[str, Any]:
    """ResNet-20: four trials in four processes, against the usual loop on four threads.

    Each side does 10 iterations and reads 1,500 images: the share that belongs to them when
    15,000 are read every 100 iterations.
    """
    spec = DataSpec(name="cifar10", normalize="standard", flip=True, crop=4)
    data = load(spec, data_folder())
    few = torch.arange(750)
    small = replace(data, validation=data.validation.take(few), test=data.test.take(few))
    architecture = architecture_for(NetworkSpec(name="resnet-20"), data.input_shape, 10)
    training = TrainingSpec(
        iterations=20, batch_size=128, optimizer="sgd", lr=0.03, momentum=0.9, evaluate_every=20
    )
    usual = UsualLoop("cifar10", data_folder(), architecture, 128, {})
    members = _members(architecture, CORES)
    with Trainer(small, workers=CORES) as trainer:
        trainer.train(architecture, training, members)
        pairs = [
            (_usual_seconds(usual), _engine_seconds(trainer, architecture, members))
            for _ in range(rounds)
        ]
    ratios = sorted(slow / fast for slow, fast in pairs)
    return _summary(ratios)


def _usual_seconds(usual: UsualLoop) -> float:
    """Seconds of one iteration and its part of an evaluation, on four threads."""
    torch.set_num_threads(CORES)
    try:
        began = time.perf_counter()
        usual.train(6)
        trained = time.perf_counter()
        usual.evaluate(2)
        read = time.perf_counter() - trained
    finally:
        torch.set_num_threads(1)
    return (trained - began) / 6 + read * 7.5 / 100


def _engine_seconds(trainer: Trainer, architecture: Architecture, members: list[Member]) -> float:
    """The same of one trial: 20 iterations and 3,000 images of all trials, side by side."""
    training = TrainingSpec(
        iterations=20, batch_size=128, optimizer="sgd", lr=0.03, momentum=0.9, evaluate_every=20
    )
    began = time.perf_counter()
    trainer.train(architecture, training, members)
    return (time.perf_counter() - began) / 20 / len(members)


def busy_machine(rounds: int) -> dict[str, Any]:
    """LeNet: four workers while eight processes burn, against one alone without them."""
    data = load(DataSpec(name="mnist", normalize="standard"), data_folder())
    architecture = architecture_for(NetworkSpec(name="lenet-300-100"), data.input_shape, 10)
    training = TrainingSpec(
        iterations=1000, batch_size=60, optimizer="adam", lr=1.2e-3, evaluate_every=1000
    )
    members = _members(architecture, CORES)
    ratios = []
    with Trainer(data, workers=CORES) as all_cores, Trainer(data, workers=1) as one:
        for trainer, some in ((all_cores, members), (one, members[:1])):
            trainer.train(architecture, training, some)
        for _ in range(rounds):
            began = time.perf_counter()
            one.train(architecture, training, members[:1])
            alone = time.perf_counter() - began
            with _burning():
                began = time.perf_counter()
                all_cores.train(architecture, training, members)
                busy = time.perf_counter() - began
            ratios.append(CORES * alone / busy)
    return _summary(ratios)


@contextlib.contextmanager
def _burning() -> Iterator[None]:
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BURNERS)]
    try:
        time.sleep(0.2)
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def _summary(ratios: list[float]) -> dict[str, Any]:
    return {
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "rounds": len(ratios),
    }
