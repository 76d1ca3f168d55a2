"""Pruning at theta0: masks are those of a few lines on the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.helpers.runs import files
from ticket_hub import compare, push_bundle, search_hub
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.data import load, normalized
from ticket_hub.errors import (
    LayerCollapseError,
    PruningError,
    RecipeError,
    ScoreError,
    StoppedError,
)
from ticket_hub.networks import architecture_for, build, outline
from ticket_hub.pruning import density
from ticket_hub.recipe import Recipe, load_recipe
from ticket_hub.runs.listing import result_of, summarize
from ticket_hub.search import find
from ticket_hub.search.ladder import Ladder
from ticket_hub.training.slopes import _chosen

EARLY = {
    "network.name": "lenet-20-10",
    "training.iterations": 4,
    "training.evaluate_every": 2,
    "training.backend": "stack",
    "pruning.when": "init",
    "pruning.mode": "one-shot",
    "pruning.scope": "global",
    "pruning.rates": {"fc": 0.2, "output": 0.2},
    "pruning.target_density": 0.1,
    "search.trials": 1,
    "search.levels": 1,
}


def recipe(**changes: object) -> Recipe:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe("digits-quick").replace(EARLY | named)


def largest(scores: dict[str, torch.Tensor], kept: int) -> dict[str, torch.Tensor]:
    """The mask of the highest scores of all layers; of equal ones the earlier go."""
    flat = torch.cat([value.flatten() for value in scores.values()])
    chosen = torch.ones(len(flat), dtype=torch.bool)
    chosen[flat.argsort(stable=True)[: len(flat) - kept]] = False
    parts = chosen.split([value.numel() for value in scores.values()])
    return {name: part.view_as(scores[name]) for name, part in zip(scores, parts, strict=True)}


def slope(value: torch.Tensor) -> torch.Tensor:
    """What follows if a gate of each weight goes down from 1."""
    assert value.grad is not None
    return (value * value.grad).detach()


def reference(criterion: str, wanted: Recipe, ticket: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """A few independent lines for each score, on the theta0 of the bundle."""
    module = build(ticket.architecture).double().eval()
    theta0 = {name: value.double() for name, value in ticket.theta0.items()}
    layers, kept = list(ticket.mask), round(0.1 * sum(k.numel() for k in ticket.mask.values()))
    data = load(wanted.data)
    part = data.train.take(_chosen(data.train, 10, seed=0))
    images, labels = normalized(part.inputs, data).double(), part.labels
    module.load_state_dict(theta0)
    named = dict(module.named_parameters())
    if criterion == "snip":
        loss = functional.cross_entropy(module(images), labels)
        loss.backward()
        return largest({n: slope(named[n]).abs() for n in layers}, kept)
    if criterion == "grasp":
        loss = functional.cross_entropy(module(images) / 200, labels)
        first = torch.autograd.grad(loss, [*named.values()], create_graph=True)
        sum((g * g.detach()).sum() for g in first).backward()  # type: ignore[union-attr]
        return largest({n: slope(named[n]) for n in layers}, kept)
    size = sum(named[n].numel() for n in layers)
    if criterion in {"force", "iterative-snip"}:
        mask = {n: torch.ones_like(ticket.mask[n]) for n in layers}
        for turn in range(1, 61):
            module.load_state_dict({n: v * mask[n] if n in mask else v for n, v in theta0.items()})
            module.zero_grad()
            functional.cross_entropy(module(images), labels).backward()
            scores = {n: (theta0[n] * named[n].grad).abs() for n in layers}
            if criterion == "iterative-snip":  # what went does not return
                scores = {n: each.masked_fill(~mask[n], -1) for n, each in scores.items()}
            mask = largest(scores, max(kept, round(size * (kept / size) ** (turn / 60))))
        return mask
    mask = {n: torch.ones_like(ticket.mask[n]) for n in layers}
    for turn in range(1, 101):
        module.load_state_dict(
            {n: (v * mask[n] if n in mask else v).abs() for n, v in theta0.items()}
        )
        module.zero_grad()
        module(torch.ones(1, 1, 8, 8, dtype=torch.float64)).sum().backward()
        left = max(kept, round(size * (kept / size) ** (turn / 100)))
        scores = {n: slope(named[n]).masked_fill(~mask[n], -1) for n in layers}
        mask = largest(scores, left)
    return mask


@pytest.mark.parametrize("criterion", ["snip", "iterative-snip", "grasp", "synflow", "force"])
def test_masks_are_those_of_a_few_independent_lines(criterion: str, tmp_path: Path) -> None:
    wanted = recipe(pruning__criterion=criterion)
    found = find(wanted, run_folder=tmp_path / "run")
    ticket = open_bundle(found.bundle).ticket(level=1)
    assert density(ticket.mask) == pytest.approx(0.1, abs=1e-4)
    expected = reference(criterion, wanted, ticket)
    different = sum(int((ticket.mask[n] != keep).sum()) for n, keep in expected.items())
    assert different <= (2 if criterion != "synflow" else 0)  # ties of float32


DENSITIES = {"pruning__target_density": None, "pruning__densities": [0.2, 0.1], "search__levels": 2}


@pytest.mark.parametrize("criterion", ["snip", "synflow"])
def test_the_dense_level_may_be_left_out(criterion: str, tmp_path: Path) -> None:
    """Everything else is the same, bit for bit, and the bundle is a whole one."""
    wanted = recipe(pruning__criterion=criterion, search__trials=2, **DENSITIES)
    whole = find(wanted, run_folder=tmp_path / "whole")
    wanted = wanted.replace({"search.dense": False})
    calls: list[int] = []
    with pytest.raises(StoppedError):
        find(
            wanted,
            run_folder=tmp_path / "run",
            should_stop=lambda: calls.append(1) or len(calls) > 3,  # type: ignore[func-returns-value]
        )
    found = find(wanted, run_folder=tmp_path / "run")
    straight = find(wanted, run_folder=tmp_path / "straight")
    assert files(found.run) == files(straight.run)
    assert [level.index for level in found.levels] == [1, 2]
    one, other = open_bundle(whole.bundle), open_bundle(found.bundle)
    assert [level.index for level in other.levels] == [1, 2]
    assert [t.id for level in other.levels for t in level.tickets] == [
        t.id for level in one.levels[1:] for t in level.tickets
    ]
    assert [level.evidence for level in other.levels] == [each.evidence for each in one.levels[1:]]
    assert other.manifest.default.rule == "sparsest"
    for each in (whole, found):
        report = verify_bundle(each.bundle)
        assert report.holds, report.failures
    summary = summarize(found.run)
    assert (summary.levels, summary.planned, summary.state) == (2, 2, "finished")


def test_without_the_dense_level_three_densities_cost_a_fifth_of_the_iterative_search() -> None:
    changes = {"pruning.densities": [0.2, 0.1, 0.05], "search.levels": 3}
    wanted = recipe(pruning__target_density=None).replace(changes)
    layers = outline(architecture_for(wanted.network, (1, 8, 8), 10)).layers
    for dense, networks, ratio in ((True, 4, 0.27), (False, 3, 0.20)):
        asked = wanted.replace({"search.dense": dense})
        ladder = Ladder(pruning=asked.pruning, search=asked.search, layers=layers)
        assert ladder.networks == networks
        assert f"this is {ratio:.2f} of its iterations" in ladder.about_cost


def test_a_collapse_without_the_dense_level_leaves_nothing_behind(tmp_path: Path) -> None:
    wanted = recipe(pruning__criterion="random", search__dense=False, pruning__target_density=0.001)
    with pytest.raises(LayerCollapseError, match="last of its weights"):
        find(wanted, run_folder=tmp_path / "run")


def test_a_later_step_scores_the_weights_that_survivors_return_to(tmp_path: Path) -> None:
    wanted = recipe(pruning__when="2it", search__rewind="2it", pruning__criterion="magnitude")
    ticket = open_bundle(find(wanted, run_folder=tmp_path / "run").bundle).ticket(level=1)
    sizes = {name: ticket.theta0[name].abs() for name in ticket.mask}
    kept = sum(int(keep.sum()) for keep in ticket.mask.values())
    expected = largest(sizes, kept)
    assert all(torch.equal(keep, expected[name]) for name, keep in ticket.mask.items())


def test_synflow_empties_no_layer_at_a_density_where_magnitude_does(tmp_path: Path) -> None:
    changes = {"network__name": "lenet-20-200-200-20", "pruning__target_density": 0.001}
    found = find(recipe(pruning__criterion="synflow", **changes), run_folder=tmp_path / "run")
    ticket = open_bundle(found.bundle).ticket(level=1)
    assert all(bool(keep.any()) for keep in ticket.mask.values())
    # 49 weights for 5 layers. As many of the largest of the same theta0 are in some layers only ...
    sizes = {name: ticket.theta0[name].abs() for name in ticket.mask}
    expected = largest(sizes, sum(int(keep.sum()) for keep in ticket.mask.values()))
    empty = [name for name, keep in expected.items() if not keep.any()]
    assert empty
    # ... so that a search by magnitude goes no further than the dense network.
    by_size = recipe(pruning__criterion="initial-magnitude", **changes)
    ended = find(by_size, run_folder=tmp_path / "magnitude")
    (dense,) = open_bundle(ended.bundle).levels
    assert dense.density == 1
    assert "would lose the last of its weights" in summarize(ended.run).ending
    anyway = by_size.replace({"pruning.allow_empty_layers": True})
    mask = open_bundle(find(anyway, run_folder=tmp_path / "any").bundle).ticket(level=1).mask
    assert [name for name, keep in mask.items() if not keep.any()] == empty


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"pruning__when": "later"}, "pruning.when cannot be"),
        ({"pruning__mode": "iterative", "pruning__target_density": None}, "pruning.mode cannot be"),
        ({"search__rewind": "2it"}, "search.rewind cannot be '2it'"),
        ({"pruning__when": "2it"}, "search.rewind cannot be 'init'"),
        ({"pruning__examples_per_class": 0}, "examples_per_class cannot be 0"),
        ({"search__dense": False, "search__stop_below_dense": 0.1}, "search.dense cannot be False"),
        (
            {"search__dense": False, "pruning__when": "2it", "search__rewind": "2it"},
            "search.dense cannot be False",
        ),
        ({"pruning__distribution": "erk"}, "pruning.distribution cannot be 'erk'"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], about: str) -> None:
    with pytest.raises(RecipeError, match=about):
        recipe(**changes)


def test_a_score_that_no_gradient_reaches_is_refused(tmp_path: Path) -> None:
    wanted = recipe(
        network__name="timm:resnet10t",
        pruning__criterion="snip",
        pruning__rates={"conv": 0.2},
        data__size=32,
    )
    with pytest.raises(ScoreError, match=r"network\.init|is 0 for") as refused:
        find(wanted, run_folder=tmp_path / "run")
    assert "kaiming-normal" in refused.value.remedy


def test_synflow_is_refused_for_what_is_not_homogeneous(tmp_path: Path) -> None:
    wanted = recipe(
        network__name="timm:mobilenetv2_035",
        pruning__criterion="synflow",
        data__size=32,
        pruning__rates={"conv": 0.2},
    )
    with pytest.raises(PruningError, match="no meaning"):
        find(wanted, run_folder=tmp_path / "run")


def test_networks_that_nobody_trained_get_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are as accurate as chance, and so would match the dense network."""
    changes = {"training__iterations": 1, "training__evaluate_every": 1, "search__trials": 3}
    found = find(recipe(pruning__criterion="snip", **changes), run_folder=tmp_path / "run")
    manifest = open_bundle(found.bundle).manifest
    assert (manifest.family, [level.verdict for level in manifest.levels]) == (0, [None, None])
    assert manifest.default.rule == "sparsest"  # and not what chance has put within a margin
    assert verify_bundle(found.bundle).holds
    assert not result_of(summarize(found.run)).trained
    (study,) = compare([found.run]).studies.values()
    assert [level.verdict for level in study.levels] == [None]
    assert "of trained networks: these masks need no training" in (
        found.bundle / "README.md"
    ).read_text("utf-8")
    push_bundle(found.bundle, "ann/snip", hub=tmp_path / "hub")
    (hit,) = search_hub(hub=tmp_path / "hub")
    assert (hit.best, hit.is_trained) == (None, False)
    # A bundle that was written while they were judged, too, keeps its word and holds.
    for room in ("evidence.outcome", "bundle.manifest_records"):
        monkeypatch.setattr(f"ticket_hub.{room}.is_trained", lambda *_, **__: True)
    before = find(recipe(pruning__criterion="grasp", **changes), run_folder=tmp_path / "before")
    monkeypatch.undo()
    manifest = open_bundle(before.bundle).manifest
    assert manifest.levels[1].verdict
    assert manifest.default.rule != "sparsest"
    assert verify_bundle(before.bundle).holds
