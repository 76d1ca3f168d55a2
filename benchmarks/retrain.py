"""Retraining tickets beside their controls, against the loop that people write today.

    python benchmarks/retrain.py --rounds 5 [--patience 5000]

The experiment: LeNet-300-100 on MNIST at density 0.036, five trials of the ticket and of reinit,
shuffle, random and dense, each for 50,000 iterations with validation and test read every 100. One
side trains them as `ticket retrain` does: the sparse members as one population, the dense ones as
another. The other trains all 25 one after the other by the usual loop. Both take turns on one
core, and each round's ratio is composed from what was measured in it: the CPU time of one iteration
of one member with its hundredth of an evaluation, of the usual loop (which does not depend on the
member), of the sparse and of the dense members; the whole would take the usual loop hours.

With `--patience N` the engine's side is also trained for real, each member until N iterations after
its minimum, as `ticket retrain --patience N` does; its CPU time is compared with the usual loop's
for the same iterations, and for 50,000 of each member, which is what people without patience do.
Real data are read from TICKET_DATA, in torchvision's layout.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from measure import TimedSide, machine
from sides import LENET, side_of, usual_side
from tickets import ladder, mnist
from usual import UsualLoop

from ticket_hub.home import data_folder
from ticket_hub.networks import build
from ticket_hub.pruning import density
from ticket_hub.recipe import NetworkSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.ticket import Ticket
from ticket_hub.training import Member, train
from ticket_hub.training.choice import BACKENDS, choose
from ticket_hub.transfer import make_start

LEVEL, TRIALS, ITERATIONS = 15, 5, 50_000
SPARSE = ("ticket", "reinit", "shuffle", "random")
DENSE = ("dense",)
TARGETS = {"sparse": 25, "whole": 12}
"""Ratios that must be reached, on the backends that the table chooses."""


def population(names: Sequence[str]) -> list[Member]:
    """The members of an experiment: each trial has a data order, each control its own draws."""
    _, architecture = mnist()
    one = ladder()[LEVEL]
    ticket = Ticket(
        architecture=architecture, mask=one.mask, theta0=one.weights, trial=0, level=LEVEL
    )
    members = []
    for trial in range(TRIALS):
        for name in names:
            seed = derive_seed(trial, "control", name)
            start = make_start(name, ticket, NetworkSpec(name=architecture.name), seed)
            members.append(
                Member(
                    name=f"{name}-{trial}",
                    seed=derive_seed(trial, "retrain"),
                    level=0,
                    weights=start.weights,
                    mask=start.mask,
                )
            )
    return members


def engine_side(names: Sequence[str], iterations: int, backend: str = "") -> TimedSide:
    """The engine training members of these names together, on the backend of the table."""
    data, architecture = mnist()
    members = population(names)
    chosen = choose(build(architecture), LENET, data, density(members[0].mask))
    engine = BACKENDS[backend or chosen](architecture, data, LENET, members)
    return side_of(engine, data, iterations, trials=len(members))


def rounds_of(count: int) -> list[dict[str, float]]:
    """Seconds of one iteration of one member on each side, round by round."""
    _, architecture = mnist()
    loop = UsualLoop("mnist", data_folder(), architecture, 60, ladder()[LEVEL].mask)
    sides = {
        "usual": usual_side(loop, 30, 2),
        "sparse": engine_side(SPARSE, 100),
        "sparse-torch": engine_side(SPARSE, 50, "sparse-torch"),
        "dense": engine_side(DENSE, 100),
    }
    for side in sides.values():
        side.seconds()
    return [{name: side.seconds() for name, side in sides.items()} for _ in range(count)]


def composed(seconds: dict[str, float], sparse: str) -> dict[str, float]:
    """The ratios of one round: sparse members alone, dense ones alone, and the whole experiment."""
    many, few = len(SPARSE) * TRIALS, len(DENSE) * TRIALS
    usual = seconds["usual"]
    engine = many * seconds[sparse] + few * seconds["dense"]
    return {
        "sparse": usual / seconds[sparse],
        "dense": usual / seconds["dense"],
        "whole": (many + few) * usual / engine,
    }


def row(found: Sequence[dict[str, float]], sparse: str, part: str) -> dict[str, float]:
    """Median and range of one ratio over the rounds."""
    ratios = [composed(seconds, sparse)[part] for seconds in found]
    return {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


def with_patience(patience: int, usual: float) -> dict[str, Any]:
    """Train the engine's side for real, with patience, in this process.

    Args:
        usual: seconds that the usual loop takes for one iteration of one member.
    """
    data, architecture = mnist()
    training = replace(LENET, iterations=ITERATIONS, patience=patience)
    members = population((*DENSE, *SPARSE))
    began = time.process_time()
    trained = train(architecture, data, training, members, workers=1)
    seconds = time.process_time() - began
    done: dict[str, list[int]] = {}
    for member, one in zip(members, trained, strict=True):
        done.setdefault(member.name.rpartition("-")[0], []).append(one.iterations)
    total = sum(one.iterations for one in trained)
    return {
        "cpu_seconds": seconds,
        "mean_iterations": {name: statistics.mean(counts) for name, counts in done.items()},
        "same_iterations": total * usual / seconds,
        "usual_without_patience": len(members) * ITERATIONS * usual / seconds,
    }


def tell(found: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Print a line for each ratio, and hand them back."""
    figures: dict[str, Any] = {}
    print(f"{'row':22} {'ratio':>8} {'lowest':>8} {'highest':>8} {'must':>6}")
    for sparse, name in (("sparse", "numba"), ("sparse-torch", "torch")):
        for part in ("sparse", "dense", "whole"):
            ratios = row(found, sparse, part)
            must = TARGETS.get(part, "")
            figures[f"{part}-{name}"] = {**ratios, "must": must}
            print(
                f"{f'{part}-{name}':22} {ratios['ratio']:8.2f} {ratios['lowest']:8.2f} "
                f"{ratios['highest']:8.2f} {must:>6}",
                flush=True,
            )
    return figures


def main() -> None:
    """Measure, print a table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=int, help="also train the engine's side for real")
    parser.add_argument("--json", type=Path, help="where the figures are written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = rounds_of(options.rounds)
    told: dict[str, Any] = {"machine": machine(), "rounds": found, "rows": tell(found)}
    if options.patience:
        usual = statistics.median(seconds["usual"] for seconds in found)
        told["patience"] = with_patience(options.patience, usual)
        print(json.dumps(told["patience"], indent=1))
    if options.json is not None:
        options.json.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told["machine"]))


if __name__ == "__main__":
    main()
