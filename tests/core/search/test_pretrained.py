"""Searches that begin with pretrained weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ticket_hub import Ticket, find
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.data import load
from ticket_hub.data.dataset import Part
from ticket_hub.data.preparation import moments
from ticket_hub.errors import (
    DataError,
    DataNotFoundError,
    ImportRefusedError,
    NetworkError,
    RecipeError,
)
from ticket_hub.networks import architecture_for, initialize
from ticket_hub.recipe import NetworkSpec, Recipe
from ticket_hub.search import search
from ticket_hub.search.pretrained import pinned

Saved = Callable[[dict[str, Tensor]], str]


def weights_of(recipe: Recipe, seed: int) -> dict[str, Tensor]:
    spec = NetworkSpec(name=recipe.network.name)
    return dict(initialize(architecture_for(spec, (1, 8, 8), 10), spec, seed))


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    def save(values: dict[str, Tensor]) -> str:
        save_file(values, tmp_path / "w.safetensors")
        return f"file:{tmp_path / 'w.safetensors'}"

    return save


def begun(recipe: Recipe, folder: Path) -> list[dict[str, Tensor]]:
    """The theta0 of each trial."""
    levels = search(pinned(recipe), run_folder=folder)
    first = next(levels)
    levels.close()
    return [dict(trial.theta0) for trial in first.trials]


def test_every_trial_begins_with_the_source_but_for_a_head_of_its_own(
    tiny: Recipe, saved: Saved, tmp_path: Path
) -> None:
    source = weights_of(tiny, 77)
    recipe = tiny.replace({"network.weights": saved(source)})
    one, two = begun(recipe, tmp_path / "run")
    heads = {"output.weight", "output.bias"}
    assert heads < set(one)
    for name in set(one) - heads:
        assert torch.equal(one[name], source[name])
        assert torch.equal(two[name], source[name])
    fresh = weights_of(tiny, tiny.search.seed)
    assert torch.equal(one["output.weight"], fresh["output.weight"]), "drawn as without a source"
    assert not torch.equal(one["output.weight"], two["output.weight"])
    whole = begun(recipe.replace({"network.weights_head": "source"}), tmp_path / "whole")
    assert all(torch.equal(each["output.weight"], source["output.weight"]) for each in whole)


def test_the_recipe_holds_the_digest_and_the_bundle_needs_no_file(
    tiny: Recipe, saved: Saved, tmp_path: Path
) -> None:
    name = saved(weights_of(tiny, 77))
    changes = {"network.weights": name, "search.levels": 1, "search.trials": 1}
    found = find(tiny, changes=changes, run_folder=tmp_path / "run", workers=1)
    assert len(found.recipe.network.weights_sha256) == 64
    assert Recipe.from_table(found.recipe.to_table()) == found.recipe
    Path(name.removeprefix("file:")).unlink()
    assert verify_bundle(found.bundle).holds
    recipe = open_bundle(found.bundle).manifest.recipe
    assert isinstance(recipe, Recipe)
    assert recipe.network == found.recipe.network
    assert Ticket.load(found.bundle, level=1).build().training


def test_recipes_without_weights_are_what_they_were(tiny: Recipe) -> None:
    assert set(tiny.to_table()["network"]) == {"name", "init", "init_scale", "options"}


@pytest.mark.parametrize("prefix", ["module.", "model.net."])
def test_checkpoints_with_names_behind_a_prefix_are_read(
    prefix: str, tiny: Recipe, tmp_path: Path
) -> None:
    source = weights_of(tiny, 77)
    torch.save(
        {"epoch": 3, "state_dict": {prefix + name: value for name, value in source.items()}},
        tmp_path / "w.pth",
    )
    recipe = tiny.replace({"network.weights": f"file:{tmp_path / 'w.pth'}"})
    one, _ = begun(recipe, tmp_path / "run")
    assert torch.equal(one["hidden.0.weight"], source["hidden.0.weight"])


def test_weights_of_another_network_are_refused_by_what_differs(
    tiny: Recipe, saved: Saved, tmp_path: Path
) -> None:
    source = weights_of(tiny, 77)
    other = {"conv.weight": torch.zeros(3)} | {
        name: value for name, value in source.items() if name != "hidden.0.bias"
    }
    cases: list[tuple[dict[str, Tensor], str]] = [
        (other, r"no 'hidden\.0\.bias'.*Only there: 'conv\.weight'"),
        (source | {"hidden.0.weight": torch.zeros(3, 5)}, r"shape \(3, 5\) there"),
        (source | {"hidden.0.bias": source["hidden.0.bias"] + torch.nan}, "NaN"),
    ]
    for number, (values, message) in enumerate(cases):
        with pytest.raises(NetworkError, match=message):
            begun(tiny.replace({"network.weights": saved(values)}), tmp_path / str(number))


def test_a_file_that_changed_is_not_the_same_search(
    tiny: Recipe, saved: Saved, tmp_path: Path
) -> None:
    first = pinned(tiny.replace({"network.weights": saved(weights_of(tiny, 1))}))
    begun(first, tmp_path / "run")
    saved(weights_of(tiny, 2))
    with pytest.raises(NetworkError, match="the recipe says"):
        pinned(first)


def test_sources_that_are_none_are_refused(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"network\.weights cannot be"):
        tiny.replace({"network.weights": "bert"})
    with pytest.raises(RecipeError, match="weights_sha256"):
        tiny.replace({"network.weights": "file:x", "network.weights_sha256": "12"})
    with pytest.raises(DataNotFoundError, match="no file of weights"):
        pinned(tiny.replace({"network.weights": f"file:{tmp_path}/none.safetensors"}))
    with pytest.raises(NetworkError, match="hub:nobody"):
        pinned(tiny.replace({"network.weights": "hub:nobody"}))
    (tmp_path / "text.pth").write_text("no tensors")
    with pytest.raises(ImportRefusedError):
        begun(tiny.replace({"network.weights": f"file:{tmp_path}/text.pth"}), tmp_path / "run")


def test_images_are_normalized_as_those_of_the_source(
    tiny: Recipe, saved: Saved, tmp_path: Path
) -> None:
    name = saved(weights_of(tiny, 77))
    (tmp_path / "config.json").write_text('{"pretrained_cfg": {"mean": [0.25], "std": [0.5]}}')
    recipe = pinned(tiny.replace({"network.weights": name}))
    assert (recipe.data.normalize, recipe.data.mean, recipe.data.std) == ("source", (0.25,), (0.5,))
    assert Recipe.from_table(recipe.to_table()) == recipe
    assert pinned(recipe) == recipe
    found = find(recipe, changes={"search.levels": 0}, run_folder=tmp_path / "run", workers=1)
    manifest = open_bundle(found.bundle).manifest
    assert (manifest.data.mean, manifest.data.std) == ((0.25,), (0.5,))
    assert verify_bundle(found.bundle).holds
    said = pinned(tiny.replace({"network.weights": name, "data.normalize": "unit"}))
    assert said.data == tiny.data
    plain = recipe.replace({"data.normalize": "standard"})
    assert (plain.data.mean, plain.data.std) == ((), ())
    (tmp_path / "config.json").write_text('{"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 2, 3]}')
    colours = pinned(tiny.replace({"network.weights": name}))
    assert load(colours.data).mean.tolist() == pytest.approx([0.2])
    for text in ("{", "[]", '{"mean": [1], "std": [0]}', '{"mean": [0.0], "std": [1.0]}'):
        (tmp_path / "config.json").write_text(text)
        assert pinned(tiny.replace({"network.weights": name})).data == tiny.data


def test_a_recipe_that_begins_with_weights_means_the_source_unless_it_says_otherwise(
    tiny: Recipe,
) -> None:
    table = tiny.replace({"network.weights": "file:w.safetensors"}).to_table()
    assert table["data"]["normalize"] == "source"
    del table["data"]["normalize"]
    assert Recipe.from_table(table).data.normalize == "source"
    table["data"]["normalize"] = "unit"
    assert Recipe.from_table(table).data.normalize == "unit"
    with pytest.raises(RecipeError, match="no pretrained weights"):
        pinned(tiny.replace({"data.normalize": "source"}))
    with pytest.raises(RecipeError, match=r"data\.mean"):
        tiny.replace({"data.mean": [0.5], "data.std": [0.5]})
    changes = {"data.normalize": "source", "data.mean": [0.1, 0.2], "data.std": [1, 1]}
    part = Part(inputs=torch.zeros(2, 3, 4, 4, dtype=torch.uint8), labels=torch.zeros(2).long())
    with pytest.raises(DataError, match=r"2 numbers in data\.mean"):
        moments(tiny.replace(changes).data, part)
