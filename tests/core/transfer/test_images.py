"""Images of other channels and sizes, with convolutional networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ticket_hub
from ticket_hub.errors import NetworkError, RecipeError
from ticket_hub.networks import architecture_for
from ticket_hub.recipe import NetworkSpec
from ticket_hub.transfer import RetrainResult, retrain
from ticket_hub.transfer.images import refuse_other_size
from ticket_hub.transfer.planning import plan
from ticket_hub.transfer.terms import Terms
from ticket_hub.types import Architecture

CHANGES = {
    "training.iterations": 6,
    "training.batch_size": 20,
    "training.evaluate_every": 3,
}


def write_pictures(folder: Path, side: int, classes: int) -> str:
    """A folder of coloured squares with noise, a hue for each class."""
    noise = np.random.default_rng(0)
    for part, count in (("train", 30), ("test", 10)):
        for label in range(classes):
            place = folder / part / f"class-{label}"
            place.mkdir(parents=True)
            for number in range(count):
                pixels = noise.integers(0, 100, (side, side, 3), dtype=np.uint8)
                pixels[..., label % 3] += 100
                Image.fromarray(pixels).save(place / f"{number}.png")
    return f"folder:{folder}"


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Coloured images of 32x32 pixels, as CIFAR-10 has them."""
    return write_pictures(tmp_path_factory.mktemp("pictures") / "colours", 32, 3)


def search(place: Path, network: str, dataset: str, **network_options: int) -> Path:
    changes: dict[str, Any] = CHANGES | {
        "network.name": network,
        "network.init": "kaiming-normal",
        "data.name": dataset,
        "data.validation": 30,
        "pruning.rates": {"conv": 0.4, "output": 0.2, "fc": 0.3},
        "search.levels": 1,
        "search.trials": 2,
    }
    changes |= {f"network.options.{name}": value for name, value in network_options.items()}
    return ticket_hub.find("digits-quick", changes=changes, run_folder=place, workers=1).run


@pytest.fixture(scope="module")
def coloured_ticket(tmp_path_factory: pytest.TempPathFactory, colours: str) -> Path:
    """A ResNet for images of 3x32x32."""
    return search(tmp_path_factory.mktemp("runs") / "coloured", "resnet-8", colours, width=4)


@pytest.fixture(scope="module")
def grey_ticket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ResNet for images of 1x8x8."""
    return search(tmp_path_factory.mktemp("runs") / "grey", "resnet-8", "digits", width=4)


def run(
    found: Path,
    dataset: str,
    place: Path,
    **given: Any,  # noqa: ANN401 - as retrain takes them
) -> tuple[RetrainResult, dict[str, Any]]:
    changes = CHANGES | {"data.validation": 30}
    against = ["reinit", "dense", "finetune"]
    settings: dict[str, Any] = {"against": against, "trials": 2, "changes": changes, "workers": 1}
    result = retrain(f"{found}:1", dataset=dataset, run_folder=place, **settings | given)
    return result, json.loads((result.run / "evidence.json").read_bytes())["experiment"]


def test_a_ticket_of_coloured_images_trains_on_grey_ones(
    coloured_ticket: Path, tmp_path: Path
) -> None:
    result, record = run(coloured_ticket, "digits", tmp_path / "run")
    assert record["data"]["input_shape"] == [3, 32, 32]
    assert "images" not in record["spec"]
    assert result.levels[0].results["ticket"][0].head == "reset"


def test_a_ticket_of_grey_images_trains_on_coloured_ones(
    grey_ticket: Path, colours: str, tmp_path: Path
) -> None:
    _, record = run(grey_ticket, colours, tmp_path / "run")
    assert record["data"]["input_shape"] == [1, 8, 8]


def test_a_convolutional_network_with_a_fixed_size_takes_other_channels_too(
    colours: str, tmp_path: Path
) -> None:
    small = write_pictures(tmp_path / "small", 12, 3)
    found = search(tmp_path / "found", "conv-2", small)
    _, record = run(found, "digits", tmp_path / "run", against=["reinit"], trials=1)
    assert record["data"]["input_shape"] == [3, 12, 12]
    with pytest.raises(NetworkError, match=r"'hidden\.0\.weight' would have the shape"):
        run(found, colours, tmp_path / "kept", trials=1, images="keep")


@pytest.mark.parametrize("target", ["colours", "digits"])
def test_images_keep_their_size_where_the_network_allows_it(
    target: str, grey_ticket: Path, coloured_ticket: Path, colours: str, tmp_path: Path
) -> None:
    there = {"colours": (grey_ticket, colours), "digits": (coloured_ticket, "digits")}
    shape = {"colours": [1, 32, 32], "digits": [3, 8, 8]}[target]
    found, dataset = there[target]
    result, record = run(found, dataset, tmp_path / "run", images="keep")
    assert record["data"]["input_shape"] == shape
    assert record["spec"]["images"] == "keep"
    scaled, _ = run(found, dataset, tmp_path / "scaled")
    assert scaled.spec.digest != result.spec.digest
    for one, other in zip(
        result.levels[0].results["ticket"], scaled.levels[0].results["ticket"], strict=True
    ):
        assert (one.kept, one.prunable) == (other.kept, other.prunable)
        assert not torch.equal(one.curves.validation_loss, other.curves.validation_loss)


def test_images_of_the_same_size_are_the_same_either_way(
    coloured_ticket: Path, colours: str, tmp_path: Path
) -> None:
    one, _ = run(coloured_ticket, colours, tmp_path / "one", against=["reinit"])
    two, _ = run(coloured_ticket, colours, tmp_path / "two", against=["reinit"], images="keep")
    for first, second in zip(
        one.levels[0].results["ticket"], two.levels[0].results["ticket"], strict=True
    ):
        assert torch.equal(first.curves.test_loss, second.curves.test_loss)


def architecture(name: str, side: int) -> Architecture:
    return architecture_for(NetworkSpec(name=name), (3, side, side), 10)


@pytest.mark.parametrize("name", ["resnet-20", "vgg-11", "timm:resnet18"])
def test_networks_that_end_with_a_mean_take_every_size(name: str) -> None:
    refuse_other_size(architecture(name, 32), 48, 40)


@pytest.mark.parametrize(
    ("name", "weight"), [("lenet-300-100", "hidden.0.weight"), ("conv-4", "hidden.0.weight")]
)
def test_networks_with_layers_for_one_size_are_refused_with_the_weight_that_differs(
    name: str, weight: str
) -> None:
    with pytest.raises(NetworkError, match=weight) as caught:
        refuse_other_size(architecture(name, 32), 48, 48)
    assert "--images resize" in caught.value.remedy
    refuse_other_size(architecture(name, 32), 32, 32)


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(NetworkError, match="8"):
        refuse_other_size(architecture("vgg-11", 32), 8, 8)


def test_an_unknown_policy_is_refused(grey_ticket: Path) -> None:
    with pytest.raises(RecipeError, match="no image policy 'crop'"):
        plan(f"{grey_ticket}:1", Terms(images="crop"))


def test_the_policy_for_images_names_the_folder_only_where_it_is_not_the_default(
    grey_ticket: Path,
) -> None:
    spec = plan(f"{grey_ticket}:1").spec
    assert "images" not in spec.to_table()
    assert plan(f"{grey_ticket}:1", Terms(images="keep")).spec.digest != spec.digest
