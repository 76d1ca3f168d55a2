"""Early-bird tickets: a mask is taken in training as soon as the last few agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.runs import files
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.data import load
from ticket_hub.errors import EvidenceError, PruningError, RecipeError, StoppedError
from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import full_mask, next_mask, one_shot_mask
from ticket_hub.pruning.early_bird import EarlyBird
from ticket_hub.pruning.structure import Structure
from ticket_hub.recipe import NetworkSpec, PruningSpec, Recipe, load_recipe
from ticket_hub.runs.folder import RunFolder
from ticket_hub.search import find
from ticket_hub.structured import structure_of
from ticket_hub.training import Member, train
from ticket_hub.transfer.replay import replay_bundle

EARLY_BIRD = {
    "network.name": "lenet-20-10",
    "training.iterations": 60,
    "training.evaluate_every": 30,
    "training.backend": "stack",
    "pruning.when": "early-bird",
    "pruning.begin": 2,
    "pruning.end": 50,
    "pruning.every": 6,
    "pruning.settled_masks": 3,
    "pruning.settled_distance": 0.1,
    "pruning.mode": "one-shot",
    "pruning.densities": [0.5, 0.3],
    "search.levels": 2,
    "search.trials": 2,
}


def recipe(**changes: object) -> Recipe:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe("digits-quick").replace(EARLY_BIRD | named)


def distance(structure: Structure | None, one: Any, other: Any) -> float:  # noqa: ANN401 - masks
    if structure is None:
        pairs = [(one[name].flatten(), other[name].flatten()) for name in one]
    else:
        pairs = [(group.kept(one), group.kept(other)) for group in structure.groups]
    differ = sum(int((a != b).sum()) for a, b in pairs)
    return differ / sum(len(a) for a, _ in pairs)


@pytest.mark.parametrize("granularity", ["weight", "unit"])
@pytest.mark.parametrize("limit", [0.1, 0.004])
def test_the_mask_is_the_first_from_which_those_before_differ_by_less_than_the_limit(
    limit: float, granularity: str
) -> None:
    wanted = recipe(pruning__settled_distance=limit, pruning__granularity=granularity)
    architecture = architecture_for(wanted.network, (1, 8, 8), 10)
    layers, theta0 = outline(architecture).layers, initialize(architecture, wanted.network, 0)
    structure = structure_of(architecture) if granularity == "unit" else None
    given: dict[str, Any] = {"level": 1, "seed": 0, "structure": structure}
    plan = EarlyBird(spec=wanted.pruning, layers=layers, initial=theta0, iterations=60, **given)
    assert plan.steps == (8, 14, 20, 26, 32, 38, 44, 50)
    mask = full_mask(layers)
    member = Member(name="one", seed=0, level=1, weights=theta0, mask=mask, gradual=plan)
    dense = Member(name="dense", seed=0, level=1, weights=theta0, mask=mask)
    done, whole = train(
        architecture, load(wanted.data), wanted.training, [member, dense], snapshots=plan.steps
    )
    drawn = {
        at: one_shot_mask(
            wanted.pruning, layers, initial=theta0, trained=whole.snapshots[at], **given
        )
        for at in plan.steps
    }
    settled = [
        at
        for place, at in enumerate(plan.steps)
        if place >= 2
        and all(
            distance(structure, drawn[at], drawn[plan.steps[place - back]]) < limit
            for back in (1, 2)
        )
    ]
    assert bool(settled) == (limit == 0.1)
    expected = settled[0] if settled else 50  # where the recipe says that it must end
    assert done.settled == expected
    assert whole.settled is None
    assert done.mask is not None
    assert all(torch.equal(done.mask[name], drawn[expected][name]) for name in mask)
    for name, keep in done.mask.items():
        assert not bool(done.weights[name][~keep].any())


def test_a_search_ends_with_masks_and_says_when_they_were_taken(tmp_path: Path) -> None:
    said: list[str] = []
    found = find(recipe(), run_folder=tmp_path / "run", notify=said.append)
    bundle = open_bundle(found.bundle)
    assert [level.density for level in bundle.levels] == pytest.approx([1, 0.5, 0.3], abs=1e-3)
    assert verify_bundle(found.bundle).holds
    assert "until they settled" in (found.bundle / "README.md").read_text()
    theta0 = [bundle.ticket(level=1, trial=trial).theta0 for trial in range(2)]
    level = RunFolder(found.run).read_level(1, 0, theta0)
    places = ", ".join(str(trial.trained.settled) for trial in level.trials)
    assert any(f"Level 1: masks were taken at iterations {places} of 60" in each for each in said)
    with pytest.raises(EvidenceError, match="early-bird"):
        replay_bundle(f"{found.run}:2", run_folder=tmp_path / "replay")


@pytest.mark.parametrize("after", [4, 12])
def test_stopped_anywhere_it_goes_on_to_the_same_bits(after: int, tmp_path: Path) -> None:
    calls = list[int]()
    with pytest.raises(StoppedError):
        find(
            recipe(),
            run_folder=tmp_path / "run",
            should_stop=lambda: calls.append(1) or len(calls) > after,  # type: ignore[func-returns-value]
        )
    found = find(recipe(), run_folder=tmp_path / "run")
    straight = find(recipe(), run_folder=tmp_path / "straight")
    assert files(found.run) == files(straight.run)


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"pruning__settled_masks": 1}, "pruning.settled_masks cannot be 1"),
        ({"pruning__settled_distance": 0.6}, "pruning.settled_distance cannot be 0.6"),
        ({"pruning__densities": [0.05]}, "the largest distance of two masks of such a density"),
        ({"pruning__when": "gradual"}, "pruning.settled_masks cannot be 3"),
        ({"pruning__criterion": "snip"}, "pruning.criterion cannot be 'snip'"),
        ({"pruning__granularity": "2:4"}, "pruning.granularity cannot be '2:4'"),
        ({"search__rewind": "lr"}, "search.rewind cannot be 'lr'"),
        ({"pruning__norm": "gamma"}, "pruning.norm cannot be 'gamma'"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], about: str) -> None:
    with pytest.raises(RecipeError, match=about):
        recipe(**changes)


def pruned_by_gamma(network: NetworkSpec) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Scales of norms drawn at random, and the mask without half of the units."""
    architecture = architecture_for(network, (3, 8, 8), 4)
    layers, weights = outline(architecture).layers, dict(initialize(architecture, network, 0))
    generator = torch.Generator().manual_seed(1)
    for name, value in weights.items():
        if value.ndim == 1 and name.endswith(".weight"):
            weights[name] = torch.randn(value.shape, generator=generator)
    spec = PruningSpec(granularity="unit", norm="gamma", rates={"conv": 0.5, "fc": 0.5})
    mask = next_mask(
        spec,
        layers,
        initial=weights,
        trained=weights,
        mask=full_mask(layers),
        seed=0,
        structure=structure_of(architecture),
    )
    return weights, mask


def test_units_go_by_the_scales_of_their_norms() -> None:
    weights, mask = pruned_by_gamma(NetworkSpec(name="resnet-8", options={"width": 4}))
    structure = structure_of(
        architecture_for(NetworkSpec(name="resnet-8", options={"width": 4}), (3, 8, 8), 4)
    )
    seen = 0
    for group in structure.groups:
        scales = [n for n in group.rows if n.endswith(".weight") and weights[n].ndim == 1]
        worth = torch.stack([weights[n].abs()[group.rows[n]].sum(1) for n in scales]).sum(0)
        if bool(group.kept(mask).all()):
            continue
        gone = {*worth.argsort()[: round(group.size / 2)].tolist()}
        assert {*(~group.kept(mask)).nonzero().flatten().tolist()} == gone
        seen += 1
    assert seen >= 3


def test_units_without_a_norm_are_refused_by_name() -> None:
    with pytest.raises(PruningError, match=r"hidden\.0\.weight.* run through no norm"):
        pruned_by_gamma(NetworkSpec(name="lenet-12-8"))
