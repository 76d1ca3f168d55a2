from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from ticket_hub.errors import MaskMismatchError, PruningError, RecipeError, ScoreError
from ticket_hub.pruning import one_shot_mask
from ticket_hub.pruning.criteria import CRITERIA, Measured, scores
from ticket_hub.recipe import PruningSpec
from ticket_hub.types import Mask, PrunableLayer

INITIAL = [0.5, -0.5, 2.0, -1.0, 0.0, 0.25]
TRAINED = [1.0, 1.0, -3.0, -0.5, -4.0, 0.25]
GRADIENTS = [-2.0, 0.5, 1.0, 0.0, -0.25, 4.0]
EXPECTED = {
    "magnitude": [1.0, 1.0, 3.0, 0.5, 4.0, 0.25],
    "magnitude-increase": [0.5, 0.5, 1.0, -0.5, 4.0, 0.0],
    "initial-magnitude": [0.5, 0.5, 2.0, 1.0, 0.0, 0.25],
    "large-final-same-sign": [1.0, 0.0, 0.0, 0.5, 0.0, 0.25],
    "gradient-magnitude": [2.0, 0.5, 3.0, 0.0, 1.0, 1.0],
    "snip": [2.0, 0.5, 3.0, 0.0, 1.0, 1.0],
    "iterative-snip": [2.0, 0.5, 3.0, 0.0, 1.0, 1.0],
    "force": [2.0, 0.5, 3.0, 0.0, 1.0, 1.0],
    "grasp-magnitude": [2.0, 0.5, 3.0, 0.0, 1.0, 1.0],
    "grasp": (torch.tensor(TRAINED) * torch.tensor(GRADIENTS)).tolist(),
    "synflow": (torch.tensor(TRAINED).abs() * torch.tensor(GRADIENTS)).tolist(),
}
LAYER = PrunableLayer(name="fc.weight", kind="fc", shape=(6,))


def of(criterion: str, seed: int = 0, name: str = "fc.weight") -> torch.Tensor:
    return scores(
        criterion,
        [PrunableLayer(name=name, kind="fc", shape=(6,))],
        initial={name: torch.tensor(INITIAL)},
        trained={name: torch.tensor(TRAINED)},
        measured=lambda _need, _mask: {name: torch.tensor(GRADIENTS)},
        seed=seed,
    )[name]


@pytest.mark.parametrize("criterion", EXPECTED)
def test_a_criterion_scores_each_weight_by_its_formula(criterion: str) -> None:
    assert of(criterion).tolist() == EXPECTED[criterion]


def test_every_criterion_has_a_row_here() -> None:
    assert set(CRITERIA.names()) == {*EXPECTED, "random"}


def test_idle_scores_are_refused_but_of_examples_that_were_corrupted_on_purpose() -> None:
    weights = {LAYER.name: torch.tensor(TRAINED)}
    given: dict[str, Any] = {"initial": weights, "trained": weights, "seed": 0, "level": 1}
    given["measured"] = lambda _need, _mask: {LAYER.name: torch.tensor([0.0, 0, 0, 0, 1, 1])}
    real = PruningSpec(criterion="snip", mode="one-shot", when="init", rates={"fc": 0.5})
    with pytest.raises(ScoreError, match="is 0 for 4 of the 6 weights"):
        one_shot_mask(real, [LAYER], **given)
    mask = one_shot_mask(replace(real, examples="random-pixels"), [LAYER], **given)
    assert mask[LAYER.name].tolist() == [False, False, False, True, True, True]


def test_random_scores_are_a_function_of_the_seed_and_the_layer() -> None:
    assert torch.equal(of("random", seed=3), of("random", seed=3))
    assert not torch.equal(of("random", seed=3), of("random", seed=4))
    assert not torch.equal(of("random", name="a"), of("random", name="b"))


def test_random_scores_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    of("random")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("criterion", CRITERIA.names())
@pytest.mark.parametrize("which", ["initial", "trained"])
def test_weights_without_an_order_are_refused_by_name(
    criterion: str, bad: float, which: str
) -> None:
    weights = {"initial": torch.tensor(INITIAL), "trained": torch.tensor(TRAINED)}
    weights[which][2] = bad
    with pytest.raises(ScoreError, match=rf"{which} weights of 'fc\.weight'"):
        scores(
            criterion,
            [LAYER],
            initial={"fc.weight": weights["initial"]},
            trained={"fc.weight": weights["trained"]},
            measured=lambda _need, _mask: {"fc.weight": torch.tensor(GRADIENTS)},
            seed=0,
        )


def test_gradients_are_asked_for_once_and_only_where_they_are_needed() -> None:
    weights, asked = {"fc.weight": torch.ones(6)}, []

    def gradients(_need: str, _mask: Mask) -> dict[str, torch.Tensor]:
        asked.append(1)
        return {"fc.weight": torch.full((6,), float("nan"))}

    def score(name: str, source: Measured | None) -> None:
        scores(name, [LAYER], initial=weights, trained=weights, seed=0, measured=source)

    score("magnitude", gradients)
    assert asked == []
    with pytest.raises(ScoreError, match=r"gradients of 'fc\.weight'"):
        score("gradient-magnitude", gradients)
    assert asked == [1]
    with pytest.raises(PruningError, match="needs gradients"):
        score("gradient-magnitude", None)


def test_an_unknown_criterion_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="the nearest is 'magnitude'"):
        CRITERIA.get("magnitud")


def test_a_criterion_may_ask_for_what_there_is() -> None:
    with pytest.raises(PruningError, match="'curious' asks for hessian"):
        CRITERIA.register("curious")(lambda trained, hessian: trained * hessian)
    assert "curious" not in CRITERIA.names()


def test_weights_of_another_network_are_refused_by_name() -> None:
    good = {"fc.weight": torch.ones(6)}
    with pytest.raises(MaskMismatchError, match=r"trained weights lack the layer 'fc\.weight'"):
        scores("magnitude", [LAYER], initial=good, trained={}, seed=0)
    with pytest.raises(MaskMismatchError, match=r"shape \(2, 3\)"):
        scores("magnitude", [LAYER], initial={"fc.weight": torch.ones(2, 3)}, trained=good, seed=0)


@pytest.mark.parametrize(
    ("found", "about"),
    [
        (torch.full((6,), float("nan")), "gives NaN for weights of 'fc.weight'"),
        (torch.ones(3), r"gives the shape \(3,\) for 'fc.weight'"),
        (1.0, "gives a float for 'fc.weight'"),
    ],
)
def test_scores_that_rank_nothing_are_refused(
    found: object, about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CRITERIA, "_known", {**CRITERIA._known})
    CRITERIA.register("theirs", rounds=1, regrows=False)(lambda: found)
    with pytest.raises(ScoreError, match=about):
        of("theirs")
