"""Where levels begin, bit for bit: learning-rate rewinding and fine-tuning."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.helpers.runs import files
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.bundle.layout import CARD
from ticket_hub.data import load
from ticket_hub.errors import EvidenceError, RecipeError, StoppedError
from ticket_hub.networks import architecture_for
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe import Recipe, TrainingSpec
from ticket_hub.runs.level import Level
from ticket_hub.runs.resources import Resources
from ticket_hub.search import search
from ticket_hub.training import Member, Progress, Trainer
from ticket_hub.training.schedules import fine_tuning, learning_rate
from ticket_hub.transfer.replay import replay_bundle
from ticket_hub.types import Weights


@pytest.fixture(params=["stack", "plain"])
def falling(tiny: Recipe, request: pytest.FixtureRequest) -> Recipe:
    """Its learning rate is a tenth from the middle on, and warms up before."""
    changes = {
        "training.schedule": "milestones",
        "training.milestones": [6],
        "training.warmup": 2,
        "training.backend": request.param,
    }
    return tiny.replace(changes)


def found(recipe: Recipe, folder: Path) -> list[Level]:
    return list(search(recipe, run_folder=folder, resources=Resources(workers=1)))


def same(one: Weights, two: Weights) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def trained_by_hand(recipe: Recipe, training: TrainingSpec, before: Level, level: Level) -> bool:
    """Whether a level is what comes of the trained weights before it, times its mask."""
    data = load(recipe.data)
    architecture = architecture_for(recipe.network, data.input_shape, data.classes)
    members = [
        Member(
            name=f"trial-{place}",
            seed=trial.seed,
            level=level.index,
            weights=masked(earlier.trained.weights, trial.mask),
            mask=trial.mask,
            start=recipe.search.start_step,
        )
        for place, (earlier, trial) in enumerate(zip(before.trials, level.trials, strict=True))
    ]
    with Trainer(data, workers=1) as trainer:
        done = trainer.train(architecture, training, members)
    pairs = zip(done, level.trials, strict=True)
    return all(same(one.weights, trial.trained.weights) for one, trial in pairs)


def test_with_lr_the_weights_go_on_and_the_schedule_begins_anew(
    falling: Recipe, tmp_path: Path
) -> None:
    recipe = falling.replace({"search.rewind": "lr"})
    dense, first, second = found(recipe, tmp_path)
    assert trained_by_hand(recipe, recipe.training, dense, first)
    assert trained_by_hand(recipe, recipe.training, first, second)
    last = dataclasses.replace(recipe.training, lr=3e-4, schedule="constant", warmup=0)
    assert not trained_by_hand(recipe, last, dense, first)
    bundle = open_bundle(tmp_path / "bundle")
    assert torch.equal(
        bundle.theta0(0)["hidden.0.weight"], dense.trials[0].theta0["hidden.0.weight"]
    )
    assert "learning rate begins anew" in (tmp_path / "bundle" / CARD).read_text("utf-8")
    with pytest.raises(EvidenceError, match="rewind = lr"):
        replay_bundle(f"{tmp_path}:1", run_folder=tmp_path / "replay")


def test_the_rate_can_begin_anew_from_a_later_iteration(falling: Recipe, tmp_path: Path) -> None:
    recipe = falling.replace({"search.rewind": "lr:4it"})
    assert (recipe.search.start_step, recipe.search.rewind_step) == (4, 0)
    dense, first, second = found(recipe, tmp_path)
    assert trained_by_hand(recipe, recipe.training, dense, first)
    assert trained_by_hand(recipe, recipe.training, first, second)
    assert first.trials[0].trained.curves.iterations.tolist() == [4, 8, 12]
    assert dense.trials[0].trained.curves.iterations.tolist() == [0, 4, 8, 12]
    assert open_bundle(tmp_path / "bundle").manifest.trials[0].start == 0
    assert verify_bundle(tmp_path / "bundle").holds
    for wrong in ("lr:12it", "lr:", "lr:it", "none:4it"):
        with pytest.raises(RecipeError, match=r"search\.rewind"):
            falling.replace({"search.rewind": wrong})


def test_with_none_the_weights_go_on_at_the_last_learning_rate(
    falling: Recipe, tmp_path: Path
) -> None:
    recipe = falling.replace({"search.rewind": "none"})
    dense, first, second = found(recipe, tmp_path)
    last = fine_tuning(recipe.training)
    assert {learning_rate(last, step) for step in range(12)} == {learning_rate(recipe.training, 11)}
    assert trained_by_hand(recipe, last, dense, first)
    assert trained_by_hand(recipe, last, first, second)
    assert "stays what it was" in (tmp_path / "bundle" / CARD).read_text("utf-8")


def test_at_a_constant_rate_both_are_the_same(tiny: Recipe, tmp_path: Path) -> None:
    one, two = (
        found(tiny.replace({"search.rewind": rewind}), tmp_path / rewind)
        for rewind in ("lr", "none")
    )
    for left, right in zip(one, two, strict=True):
        pairs = zip(left.trials, right.trials, strict=True)
        assert all(same(a.trained.weights, b.trained.weights) for a, b in pairs)


@pytest.mark.parametrize("rewind", ["lr", "none"])
@pytest.mark.parametrize("stop_at", [12, 20])  # within level 1 and level 2
def test_stopped_anywhere_it_goes_on_to_the_same_bits(
    rewind: str, stop_at: int, tiny: Recipe, tmp_path: Path
) -> None:
    changes = {"training.schedule": "cosine", "search.rewind": rewind}
    recipe = tiny.replace(changes)
    found(recipe, tmp_path / "whole")
    readings: list[Progress] = []
    stopping = Resources(
        workers=1,
        observe=readings.append,
        should_stop=lambda: len(readings) >= stop_at,
        checkpoint_seconds=0,
    )
    with pytest.raises(StoppedError):
        list(search(recipe, run_folder=tmp_path / "cut", resources=stopping))
    found(recipe, tmp_path / "cut")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_a_rate_that_ends_with_0_is_refused_for_fine_tuning(tiny: Recipe) -> None:
    training = dataclasses.replace(
        tiny.training, schedule="milestones", milestones=(1, 2), gamma=1e-300
    )
    with pytest.raises(RecipeError, match="ends with 0"):
        fine_tuning(training)


def test_fine_tuning_a_cosine_takes_its_last_rate(tiny: Recipe) -> None:
    training = dataclasses.replace(tiny.training, schedule="cosine")
    assert 0 < fine_tuning(training).lr < training.lr / 10


def test_dropped_weights_begin_at_zero(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.replace({"search.rewind": "lr", "search.levels": 1})
    _, first = found(recipe, tmp_path)
    kept: dict[str, Tensor] = dict(first.trials[0].mask)
    weights = first.trials[0].trained.weights
    assert all(not bool(weights[name][~keep].any()) for name, keep in kept.items())
