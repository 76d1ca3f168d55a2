"""ImageNet and its kin, on trees of their published layout; their recipes train for some steps."""

from __future__ import annotations

import json
import pickle
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.datasets import UNPACKED
from tests.helpers.ranks import together
from ticket_hub.bundle import verify_bundle
from ticket_hub.data import data_pack, load
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.recipe import DataSpec, load_recipe
from ticket_hub.search import find
from ticket_hub.search.forecast import forecast

WNIDS = ("n01440764", "n01443537", "n01484850")
SHORT = {
    "data.validation": 6,
    "training.iterations": 2,
    "training.batch_size": 6,
    "training.warmup": 1,
    "training.evaluate_every": 2,
    "training.milestones": (2,),
    "training.precision": "float32",
    "search.trials": 1,
    "search.levels": 1,
}


def picture(path: Path, size: tuple[int, int], seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a packed ImageNet of three classes, of 48 pixels on the short side."""
    root = tmp_path_factory.mktemp("imagenet")
    for number in range(24):
        wnid = WNIDS[number % 3]
        place = root / "imagenet" / ("train" if number < 18 else "val") / wnid
        picture(place / f"{wnid}_{number}.JPEG", [(64, 48), (48, 50)][number % 2], number)
    data_pack("imagenet", short_side=48, data_dir=root)
    return root


def changes(**more: object) -> dict[str, Any]:
    sizes = {"data.short_side": 48, "data.size": 32, "training.milestones": ()}
    return {**SHORT, "network.name": "resnet-8", **sizes, **more}


def test_imagenet_is_read_by_its_layout(imagenet: Path) -> None:
    told: list[str] = []
    spec = DataSpec(name="imagenet", storage="disk", short_side=48, size=32, validation=3)
    data = load(spec, imagenet, notify=told.append)
    assert data.class_names == WNIDS
    assert (len(data.train), len(data.validation), len(data.test)) == (15, 3, 6)
    assert len(told) == 1
    assert told[0].startswith("imagenet has 18 training and 6 validation pictures here, and 1,281")
    with pytest.raises(DataError, match="does not fit into memory"):
        load(DataSpec(name="imagenet"), imagenet)
    with pytest.raises(DataNotFoundError, match="no packed pictures"):
        load(DataSpec(name="imagenet", storage="disk", short_side=64, size=32), imagenet)


@pytest.mark.parametrize(
    "name",
    ["resnet50-rewind-imagenet", "resnet50-lr-rewind-imagenet", "resnet50-rewind-imagenet-16"],
)
def test_the_recipes_of_imagenet_are_planned_without_the_data(name: str, tmp_path: Path) -> None:
    if find_spec("timm") is None:
        pytest.skip("timm is an extra")
    plan = forecast(load_recipe(name), tmp_path / "run", data_dir=tmp_path, device="cpu")
    assert plan.architecture.input_shape == (3, 224, 224)
    assert sum(layer.size for layer in plan.layers) == 25_502_912
    assert plan.kept[0] == 25_502_912
    assert plan.kept[-1] / plan.kept[0] == pytest.approx(0.8**10, abs=0.1)
    assert 4e10 < plan.needs.alone_bytes < 6e10, "bf16; a batch of 256 takes 11 to 12 GB of a GPU"
    trials = load_recipe(name).search.trials
    assert plan.needs.memory_bytes == pytest.approx(trials * plan.needs.alone_bytes, rel=0.05)
    assert plan.needs.seconds is not None
    assert plan.needs.seconds > 1e6


def test_the_recipe_of_imagenet_trains_on_a_tree_of_its_layout(
    imagenet: Path, tmp_path: Path
) -> None:
    recipe = load_recipe("resnet50-rewind-imagenet").replace(
        changes(**{"training.schedule": "constant", "search.rewind": "1it"})
    )
    found = find(recipe, run_folder=tmp_path / "run", data_dir=imagenet, workers=1)
    assert [level.density < 1 for level in found.levels] == [False, True]
    again = find(recipe, run_folder=tmp_path / "run", data_dir=imagenet, workers=1)
    assert again.levels == found.levels


def test_two_processes_train_the_recipe_of_imagenet(imagenet: Path, tmp_path: Path) -> None:
    assignments = changes(**{"training.schedule": "constant", "search.rewind": "lr"})
    options = [
        part
        for key, value in assignments.items()
        for part in ("--set", f"{key}={json.dumps(value)}")
    ]
    ended = together(
        "-m", "ticket_hub", "find", "resnet50-lr-rewind-imagenet", *options,
        "--data-dir", str(imagenet), "--out", "run", folder=tmp_path,
    )  # fmt: skip
    assert [code for code, _ in ended] == [0, 0]
    assert verify_bundle(tmp_path / "run/bundle").holds


@pytest.mark.parametrize("name", UNPACKED)
def test_what_is_missing_is_named_with_the_folder_and_the_remedy(name: str, tmp_path: Path) -> None:
    reading = partial(load, DataSpec(name=name, validation=2), tmp_path, fetch=None)
    packing = partial(data_pack, name, data_dir=tmp_path)  # of those that memory does not hold
    with pytest.raises(DataNotFoundError) as caught:
        (packing if name in {"imagenet", "places365"} else reading)()
    assert str(tmp_path) in caught.value.problem
    assert name.partition("-")[0] in caught.value.problem
    assert "TICKET_DATA" in caught.value.remedy


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    root = tmp_path / "tiny-imagenet-200"
    rows = []
    for number in range(12):
        name = WNIDS[number % 2]
        picture(root / f"train/{name}/images/{name}_{number}.JPEG", (64, 64), number)
        picture(root / f"val/images/val_{number}.JPEG", (64, 64), 100 + number)
        rows.append(f"val_{number}.JPEG\t{name}\t0\t0\t63\t63")
    (root / "wnids.txt").write_text("\n".join(reversed(WNIDS[:2])))
    (root / "val/val_annotations.txt").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_tiny_imagenet_is_read_planned_and_trained(tiny: Path) -> None:
    recipe = load_recipe("small-resnet-18-tiny-imagenet").replace(
        SHORT | {"data.validation": 4, "training.batch_size": 4, "search.rewind": "1it"}
    )
    data = load(recipe.data, tiny)
    assert (data.class_names, data.input_shape) == (WNIDS[:2], (3, 64, 64))
    assert data.test.labels.tolist() == [0, 1] * 6
    data_pack("tiny-imagenet", data_dir=tiny)
    disk = load(recipe.replace({"data.storage": "disk"}).data, tiny)
    torch.testing.assert_close(disk.test.inputs + 0, data.test.inputs, rtol=0, atol=0)
    plan = forecast(recipe, tiny / "run", data_dir=tiny, device="cpu")
    assert plan.examples == (8, 4, 12)
    short = recipe.replace({"network.name": "resnet-8"})
    found = find(short, run_folder=tiny / "small-run", data_dir=tiny, workers=1)
    assert len(found.levels) == 2


@pytest.mark.parametrize("form", ["pickle", "npz"])
def test_imagenet_64_is_read_by_its_layout(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "imagenet-64"
    folder.mkdir()
    for number, name in enumerate([f"train_data_batch_{n}" for n in range(1, 11)] + ["val_data"]):
        pixels = np.full((2, 3 * 64 * 64), number, np.uint8)
        table = {"data": pixels, "labels": [number + 1, 1000]}
        if form == "pickle":
            (folder / name).write_bytes(pickle.dumps(table))
        else:
            np.savez(folder / f"{name}.npz", data=pixels, labels=np.array(table["labels"]))
    data = load(DataSpec(name="imagenet-64", validation=2), tmp_path)
    assert data.classes == 1000
    assert data.test.labels.tolist() == [10, 999]
    seen = torch.cat([data.train.inputs[:, 0, 0, 0], data.validation.inputs[:, 0, 0, 0]])
    assert sorted(seen.tolist()) == sorted([*range(10)] * 2)


def test_places365_is_read_by_its_lists_whose_digests_are_known(tmp_path: Path) -> None:
    folder = tmp_path / "places365"
    picture(folder / "data_256_standard/b/bar/0001.jpg", (256, 256), 1)
    picture(folder / "data_256_standard/a/airfield/0002.jpg", (256, 256), 2)
    picture(folder / "val_256/Places365_val_1.jpg", (256, 256), 3)
    (folder / "categories_places365.txt").write_text("/a/airfield 0\n/b/bar 1\n")
    (folder / "places365_train_standard.txt").write_text(
        "/b/bar/0001.jpg 1\n/a/airfield/0002.jpg 0\n"
    )
    (folder / "places365_val.txt").write_text("Places365_val_1.jpg 1\n")
    with pytest.raises(DataCorruptError, match=r"categories_places365.* is not the published"):
        data_pack("places365", data_dir=tmp_path)
    data_pack("places365", data_dir=tmp_path, digests={})
    data = load(DataSpec(name="places365", storage="disk", size=224, validation=1), tmp_path)
    assert data.class_names == ("a/airfield", "b/bar")
    assert data.input_shape == (3, 224, 224)
    assert data.test.labels.tolist() == [1]
