"""Claims as data: what is packaged holds together, and what is wrong is named."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ticket_hub.claims import Claim, claim_names, load_claim
from ticket_hub.claims.evidence import check_densities
from ticket_hub.claims.reproduce import recipes_of, reproduce
from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.search.forecast import forecast

OURS = """
title = "Half of the weights are enough"
source = "our paper, table 1"

[searches.quick]
recipe = "digits-quick"
changes = { "search.levels" = 2, "network.name" = "lenet-8" }

[experiments.controls]
tickets = "quick"
densities = [0.65]
against = ["reinit"]

[[statements]]
says = "the ticket is at most ten points less accurate than the dense network"
measure = "accuracy"
first = "quick:ticket@0.65"
second = "quick:dense"
above = -10.0

[budgets.cpu]
"search.trials" = 3
"training.iterations" = 12
"training.evaluate_every" = 4
quick = { "training.backend" = "stack" }
"""


INSIDE = {"tickets": "quick", "densities": [0.65], "only": "values"}


@pytest.fixture
def table() -> dict[str, Any]:
    return {"name": "ours"} | tomllib.loads(OURS)


@pytest.mark.parametrize("name", claim_names())
def test_a_packaged_claim_can_be_begun_at_every_budget(name: str, tmp_path: Path) -> None:
    claim = load_claim(name)
    assert claim.number is not None
    assert load_claim(str(claim.number)) == load_claim(claim.number) == load_claim(claim) == claim
    assert Claim.from_table(claim.to_table()).digest == claim.digest
    assert {"paper", "cpu", "smoke"} == set(claim.budgets) - {"small", "small-bf16"}
    for budget in claim.budgets:
        recipes = recipes_of(claim, budget)
        assert set(recipes) == set(claim.searches)
        for search, recipe in recipes.items():  # finds what is claimed something about
            planned = forecast(recipe, tmp_path / "run", data_dir=tmp_path)
            assert planned.is_exact
            check_densities(claim, search, [each / planned.kept[0] for each in planned.kept[1:]])


def test_a_density_that_no_level_will_have_is_refused_before_anything_is_trained(
    table: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path))
    table["statements"][0]["first"] = "quick:ticket@0.3"
    began: list[str] = []
    with pytest.raises(EvidenceError) as caught:
        reproduce(Claim.from_table(table), device="cpu", tell=began.append)
    assert "quick has no level of density 0.3" in caught.value.problem
    assert "It has 0.814, 0.664" in caught.value.remedy
    assert not began
    assert not (tmp_path / "runs").exists()


def test_claims_about_one_search_share_it() -> None:
    first, second = (recipes_of(load_claim(number))["lenet"] for number in ("1", "4"))
    assert first.digest == second.digest


def test_a_budget_a_search_and_a_seed_say_how_to_train(table: dict[str, Any]) -> None:
    recipe = recipes_of(Claim.from_table(table), "cpu", seed=7)["quick"]
    assert recipe.search.seed == 7
    assert recipe.search.levels == 2
    assert recipe.training.iterations == 12
    assert recipe.training.backend == "stack"


def test_a_budget_has_what_the_one_that_it_extends_says(table: dict[str, Any]) -> None:
    table["budgets"]["long"] = {"extends": "cpu", "training.iterations": 40}
    table["budgets"]["longer"] = {"extends": "long", "training.iterations": 80}
    claim = Claim.from_table(table)
    assert claim.budgets["longer"] == {**claim.budgets["cpu"], "training.iterations": 80}
    assert Claim.from_table(claim.to_table()) == claim


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("titel",), "x", "title"),
        (("searches", "quick", "recipy"), "x", "recipy"),
        (("experiments", "controls", "tickets"), "quik", "quick"),
        (("experiments", "controls", "densities"), "many", "densities"),
        (("statements", 0, "first"), "other:dense", "controls"),
        (("statements", 0, "first"), "quick", "STUDY:NETWORK@DENSITY"),
        (("statements", 0, "second"), "quick:ticket@1.5", "1.5"),
        (("statements", 0, "measure"), "loss", "loss"),
        (("statements", 0, "above"), float("nan"), "nan"),
        (("statements", 0, "measure"), "values.bimodality", "analysis 'quick'"),
        (("analyses",), {"quick": INSIDE}, "'quick' names two"),
        (("analyses",), {"inside": INSIDE | {"tickets": "quik"}}, "quick"),
        (("statements",), [], "statements"),
        (("searches",), {}, "searches"),
        (("budgets",), {"cpu": 3}, "budgets"),
        (("budgets", "cpu", "extends"), "cpus", "'cpus'"),
        (("budgets", "cpu", "extends"), "cpu", "another budget"),
        (("budgets", "cpu", "extends"), ["cpu"], "another budget"),
        (("name",), "a/b", "a/b"),
        (("number",), "four", "number"),
    ],
)
def test_what_is_wrong_is_named(
    table: dict[str, Any], path: tuple[Any, ...], value: object, named: str
) -> None:
    place: Any = table
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(RecipeError) as caught:
        Claim.from_table(table)
    assert named in f"{caught.value.problem} {caught.value.remedy}"
    assert caught.value.remedy


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nearest is 'reinit-degrades'") as caught:
        load_claim("reinit-degrade")
    assert "ticket reproduce" in caught.value.remedy
    with pytest.raises(RecipeError, match="cannot be read"):
        load_claim(str(tmp_path / "none.toml"))
    (tmp_path / "broken.toml").write_text("title = ")
    with pytest.raises(RecipeError, match="not TOML"):
        load_claim(str(tmp_path / "broken.toml"))
    with pytest.raises(RecipeError, match="no budget 'cpus'"):
        recipes_of(load_claim("4"), "cpus")
