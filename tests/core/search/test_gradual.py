"""Gradual pruning: masks shrink while their networks are trained, by the cubic schedule."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.runs import files
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.data import load
from ticket_hub.errors import EvidenceError, LayerCollapseError, RecipeError, StoppedError
from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import full_mask
from ticket_hub.pruning.gradual import GradualPruning
from ticket_hub.pruning.masks import kept
from ticket_hub.recipe import Recipe, load_recipe
from ticket_hub.search import find
from ticket_hub.search.imp import assemble
from ticket_hub.search.parts import part_of
from ticket_hub.training import Member, train
from ticket_hub.transfer.replay import replay_bundle

GRADUAL = {
    "network.name": "lenet-20-10",
    "training.iterations": 40,
    "training.evaluate_every": 20,
    "training.backend": "stack",
    "pruning.when": "gradual",
    "pruning.begin": 4,
    "pruning.end": 25,
    "pruning.every": 6,
    "pruning.mode": "one-shot",
    "pruning.rates": {"fc": 0.2, "output": 0.2},
    "pruning.densities": [0.5, 0.1],
    "search.levels": 2,
    "search.trials": 2,
}


def recipe(**changes: object) -> Recipe:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe("digits-quick").replace(GRADUAL | named)


def gradual(wanted: Recipe, level: int = 2, seed: int = 0) -> tuple[Member, GradualPruning]:
    architecture = architecture_for(wanted.network, (1, 8, 8), 10)
    layers, theta0 = outline(architecture).layers, initialize(architecture, wanted.network, seed)
    plan = GradualPruning(
        spec=wanted.pruning,
        layers=layers,
        structure=None,
        level=level,
        seed=seed,
        initial=theta0,
        iterations=wanted.training.iterations,
    )
    mask = full_mask(layers)
    return (
        Member(
            name=f"trial-{seed}", seed=seed, level=level, weights=theta0, mask=mask, gradual=plan
        ),
        plan,
    )


def test_the_counts_follow_the_cubic_schedule_and_masks_only_shrink() -> None:
    member, plan = gradual(recipe())
    assert plan.steps == (10, 16, 22, 25)
    mask, size = member.mask, kept(member.mask)
    for step in plan.steps:
        found = plan.mask(step, member.weights, mask)
        share = 1 - 0.9 * (1 - (1 - (step - 4) / 21) ** 3)  # Zhu & Gupta 2017, equation 1
        assert abs(kept(found) - share * size) <= len(mask)
        assert not any(bool((found[name] & ~mask[name]).any()) for name in mask)
        again = plan.mask(step, member.weights, found)
        assert all(torch.equal(again[name], found[name]) for name in mask)
        mask = found
    assert kept(mask) == round(0.1 * size)


@pytest.mark.parametrize("backend", ["stack", "plain", "lanes", "vmap"])
def test_each_step_drops_the_smallest_of_the_weights_as_they_are_then(backend: str) -> None:
    wanted = recipe(training__backend=backend)
    member, plan = gradual(wanted)
    data = load(wanted.data)
    settings: dict[str, Any] = {"snapshots": plan.steps, "workers": 1}
    architecture = architecture_for(wanted.network, (1, 8, 8), 10)
    (done,) = train(architecture, data, wanted.training, [member], **settings)
    dense = dataclasses.replace(member, gradual=None)
    (before,) = train(architecture, data, wanted.training, [dense], **settings)
    assert done.mask is not None
    assert before.mask is None
    sizes = {name: before.snapshots[10][name].abs() for name in member.mask}
    for name, keep in done.mask.items():  # nothing went before iteration 10
        left = done.snapshots[10][name] != 0
        assert float(sizes[name][~left].max()) <= float(sizes[name][left].min())
        assert torch.equal(done.snapshots[10][name][left], before.snapshots[10][name][left])
        for earlier, later in itertools.pairwise([*plan.steps, 40]):
            state = done.weights if later == 40 else done.snapshots[later]
            gone = done.snapshots[earlier][name] == 0
            assert not bool(state[name][gone].any())
            assert int((state[name] == 0).sum()) >= int(gone.sum())
        assert torch.equal(keep, done.weights[name] != 0)
    if backend != "plain":
        other = recipe(training__backend="plain").training
        (reference,) = train(architecture, data, other, [member], **settings)
        assert reference.mask is not None
        assert all(torch.equal(done.mask[name], reference.mask[name]) for name in done.mask)
        for name, value in reference.weights.items():
            torch.testing.assert_close(done.weights[name], value, rtol=1e-3, atol=1e-4)


def test_a_gradual_search_is_a_bundle_of_theta0_and_final_masks(tmp_path: Path) -> None:
    wanted = recipe()
    found = find(wanted, run_folder=tmp_path / "run")
    bundle = open_bundle(found.bundle)
    assert [level.density for level in bundle.levels] == pytest.approx([1, 0.5, 0.1], abs=1e-3)
    for trial in range(2):
        ticket = bundle.ticket(level=2, trial=trial)
        expected = initialize(ticket.architecture, wanted.network, trial)
        assert all(torch.equal(ticket.theta0[name], expected[name]) for name in expected)
    report = verify_bundle(found.bundle)
    assert report.holds, report.failures
    card = (found.bundle / "README.md").read_text()
    assert "gradual pruning" in card
    assert "reached by training from them" not in card
    with pytest.raises(EvidenceError, match="while their masks shrank"):
        replay_bundle(f"{found.run}:2", run_folder=tmp_path / "replay")


@pytest.mark.parametrize("after", [3, 8, 14])
def test_stopped_anywhere_it_goes_on_to_the_same_bits(after: int, tmp_path: Path) -> None:
    wanted, calls = recipe(), list[int]()
    with pytest.raises(StoppedError):
        find(
            wanted,
            run_folder=tmp_path / "run",
            should_stop=lambda: calls.append(1) or len(calls) > after,  # type: ignore[func-returns-value]
        )
    found = find(wanted, run_folder=tmp_path / "run")
    straight = find(wanted, run_folder=tmp_path / "straight")
    assert files(found.run) == files(straight.run)


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"pruning__end": 41}, "pruning.end cannot be 41"),
        ({"pruning__begin": 25}, "pruning.begin cannot be 25"),
        ({"pruning__every": 0}, "pruning.every cannot be 0"),
        ({"pruning__criterion": "snip"}, "pruning.criterion cannot be 'snip'"),
        ({"pruning__granularity": "2:4"}, "pruning.granularity cannot be '2:4'"),
        ({"pruning__when": "trained"}, "pruning.begin cannot be 4"),
        ({"search__rewind": "lr"}, "search.rewind cannot be 'lr'"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], about: str) -> None:
    with pytest.raises(RecipeError, match=about):
        recipe(**changes)


COLLAPSING = {
    "pruning__scope": "global",
    "pruning__criterion": "random",  # four weights cannot be one of each of three layers for long
    "pruning__densities": [0.5, 0.1, 0.0025],
    "search__levels": 3,
}


@pytest.mark.parametrize("backend", ["stack", "lanes"])
def test_a_level_that_loses_a_layer_in_training_ends_the_search_with_those_before(
    backend: str, tmp_path: Path
) -> None:
    wanted = recipe(**COLLAPSING, training__backend=backend)
    found = find(wanted, run_folder=tmp_path / "run", workers=1)
    bundle = open_bundle(found.bundle)
    assert [level.density for level in bundle.levels] == pytest.approx([1, 0.5, 0.1], abs=1e-3)
    ending = json.loads((found.run / "levels/002/seal.json").read_bytes())["ending"]
    assert ending["reason"] == "collapse"
    assert "would lose the last of its weights" in ending["about"]
    assert re.search(r"trial-\d of level 3, at iteration \d+", ending["about"])
    assert not (found.run / "checkpoints").exists()
    without = recipe(**COLLAPSING | {"pruning__densities": [0.5, 0.1], "search__levels": 2})
    plain = find(without.replace({"training.backend": backend}), run_folder=tmp_path / "plain")
    assert files(found.bundle / "masks") == files(plain.bundle / "masks")
    assert files(found.bundle / "curves") == files(plain.bundle / "curves")
    again = find(wanted, run_folder=tmp_path / "run", workers=1)
    assert files(again.run) == files(found.run)


def test_where_nothing_but_a_level_that_loses_a_layer_is_left_the_error_names_the_last_good_one(
    tmp_path: Path,
) -> None:
    first = recipe(**COLLAPSING | {"pruning__densities": [0.0025], "search__levels": 1})
    found = find(first, run_folder=tmp_path / "run")
    assert [level.density for level in open_bundle(found.bundle).levels] == [1]
    alone = first.replace({"search.dense": False})
    with pytest.raises(LayerCollapseError, match=r"of level 1, at iteration") as caught:
        find(alone, run_folder=tmp_path / "alone")
    assert "Raise the density" in caught.value.remedy


def test_a_part_that_loses_a_layer_in_training_ends_the_whole_search(tmp_path: Path) -> None:
    wanted = recipe(**COLLAPSING)
    paths = [tmp_path / f"part-{seed}" for seed in range(2)]
    for seed, path in enumerate(paths):
        find(part_of(wanted, seed, 1), run_folder=path, workers=1)
    levels = list(assemble(wanted, paths, run_folder=tmp_path / "run"))
    assert [level.index for level in levels] == [0, 1, 2]
    assert levels[-1].ending is not None
    assert levels[-1].ending.reason == "collapse"
    whole = find(wanted, run_folder=tmp_path / "whole", workers=1)
    assert files(whole.bundle / "masks") == files(tmp_path / "run/bundle/masks")
