"""What a recipe leaves whole is said, and refused where it is most of a network."""

from __future__ import annotations

import pytest

from ticket_hub.errors import PruningError
from ticket_hub.networks import architecture_for, outline
from ticket_hub.pruning.coverage import check_coverage, layer_note, never_pruned, thin_layers
from ticket_hub.recipe import NetworkSpec, PruningSpec, load_recipe, recipe_names
from ticket_hub.types import PrunableLayer

LAYERS = (
    PrunableLayer(name="conv.weight", kind="conv", shape=(100, 10, 1, 1)),
    PrunableLayer(name="short.weight", kind="shortcut", shape=(10, 10, 1, 1)),
    PrunableLayer(name="fc.weight", kind="output", shape=(10, 10)),
)


def test_rates_that_miss_most_of_a_network_are_refused_with_the_line_to_add() -> None:
    with pytest.raises(PruningError, match=r"Only 100 of 1,200 prunable weights") as caught:
        check_coverage(PruningSpec(rates={"fc": 0.2, "output": 0.1}), LAYERS)
    remedy = caught.value.remedy
    assert "`conv = 0.2, shortcut = 0.2`" in remedy
    assert "`--set pruning.rates.conv=0.2 --set pruning.rates.shortcut=0.2`" in remedy
    assert "`conv = 0, shortcut = 0`" in remedy


def test_the_line_to_add_keeps_the_one_rate_of_a_global_ranking() -> None:
    with pytest.raises(PruningError) as caught:
        check_coverage(PruningSpec(scope="global", rates={"output": 0.3}), LAYERS)
    assert "pruning.rates.conv=0.3" in caught.value.remedy


@pytest.mark.parametrize(
    "rates",
    [
        {"conv": 0.2},
        {"output": 0.1, "conv": 0.0, "shortcut": 0.0},
        {"conv": 0.2, "output": 0.0},
        {"conv": 0.2, "fc": 0.2, "output": 0.1, "shortcut": 0.2},
    ],
)
def test_what_reaches_half_or_is_said_is_allowed(rates: dict[str, float]) -> None:
    check_coverage(PruningSpec(rates=rates), LAYERS)


def test_exactly_half_is_enough() -> None:
    pair = (LAYERS[1], LAYERS[2])
    check_coverage(PruningSpec(rates={"output": 0.1}), pair)
    with pytest.raises(PruningError):
        check_coverage(PruningSpec(rates={"output": 0.1}), LAYERS)


def test_each_kind_that_stays_whole_is_named_with_its_share_and_the_reason() -> None:
    silent, said = never_pruned(PruningSpec(rates={"conv": 0.2, "output": 0.0}), LAYERS)
    assert silent == (
        "Never pruned: shortcut, 100 of 1,200 prunable weights (8.33%) in short.weight, since "
        "pruning.rates does not name it."
    )
    assert said.endswith("in fc.weight, since pruning.rates.output is 0.")
    assert never_pruned(PruningSpec(), LAYERS) == []


@pytest.mark.parametrize("name", recipe_names())
def test_no_packaged_recipe_is_refused(name: str) -> None:
    recipe = load_recipe(name)
    shape = {"mnist": (1, 28, 28), "digits": (1, 8, 8)}.get(recipe.data.name, (3, 32, 32))
    layers = outline(architecture_for(recipe.network, shape, 10)).layers
    check_coverage(recipe.pruning, layers)
    assert all("is 0" in sentence for sentence in never_pruned(recipe.pruning, layers))


def test_a_network_of_timm_is_not_left_whole_by_the_rates_of_the_papers_mlp() -> None:
    network = NetworkSpec(name="timm:resnet18")
    layers = outline(architecture_for(network, (1, 32, 32), 10)).layers
    with pytest.raises(PruningError, match="conv and shortcut"):
        check_coverage(load_recipe("digits-quick").pruning, layers)
    check_coverage(PruningSpec(), layers)


@pytest.mark.parametrize(
    ("shape", "kept", "density", "note"),
    [
        ((100, 100), 10_000, 0.5, ""),
        ((100, 100), 250, 0.5, ""),
        ((100, 100), 249, 0.5, "less than a twentieth"),
        ((100, 100), 100, 0.1, ""),
        ((100, 100), 99, 0.01, "near collapse"),
        ((100, 100), 0, 0.01, "empty"),
        ((4, 1, 3, 3), 36, 0.01, ""),
    ],
)
def test_a_layer_is_thin_far_below_the_rest_or_near_collapse(
    shape: tuple[int, ...], kept: int, density: float, note: str
) -> None:
    found = layer_note(shape, kept, density)
    assert note in found
    assert bool(note) == bool(found)


def test_thin_layers_are_named_with_what_they_keep() -> None:
    kept = {"conv.weight": 1000, "short.weight": 9, "fc.weight": 91}
    assert thin_layers(LAYERS, kept) == {
        "short.weight": "short.weight keeps 9 of 100 weights (9.00%; the whole network 91.67%): "
        "near collapse, fewer weights than outputs."
    }
