from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ticket_hub.errors import NetworkError, RunMismatchError
from ticket_hub.transfer import RetrainResult, retrain

CHANGES = {
    "data.validation": 40,
    "training.iterations": 60,
    "training.batch_size": 20,
    "training.evaluate_every": 10,
}


SHAPE = (10, 12)


def pictures(folder: Path, classes: int, *, rotate: int = 0) -> str:
    """A folder of coloured noise with a bright stripe for each class.

    Args:
        rotate: how many classes the labels of the test part are off.
    """
    noise = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 20)):
        for label in range(classes):
            named = (label + rotate) % classes if part == "test" else label
            place = folder / part / f"class-{named}"
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = noise.integers(0, 160, (*SHAPE, 3), dtype=np.uint8)
                pixels[:, label * SHAPE[1] // classes] += 90
                Image.fromarray(pixels).save(place / f"{label}-{number}.png")
    return f"folder:{folder}"


def run(
    found: Path,
    dataset: str,
    place: Path,
    **given: Any,  # noqa: ANN401 - as retrain takes them
) -> RetrainResult:
    return retrain(
        f"{found}:4", dataset=dataset, changes=CHANGES, run_folder=place, workers=1, **given
    )


def test_a_grey_ticket_of_ten_classes_trains_on_coloured_images_of_three(
    found: Path, tmp_path: Path
) -> None:
    dataset = pictures(tmp_path / "data", 3)
    result = run(found, dataset, tmp_path / "run", against=["reinit", "random", "dense"], trials=3)
    (level,) = result.levels
    assert level.results["ticket"][0].head == "reset"
    assert level.density > level.transferred
    record = json.loads((result.run / "evidence.json").read_bytes())
    assert record["levels"][0]["head"] == "reset"
    assert record["levels"][0]["transferred_density"] == level.transferred
    assert record["experiment"]["data"]["classes"] == 3
    assert record["tickets"]["found_on"] == "digits"
    assert level.results["dense"][0].prunable == level.results["ticket"][0].prunable
    assert level.results["dense"][0].accuracy > 0.5


def test_a_head_that_cannot_be_kept_is_refused_before_training(found: Path, tmp_path: Path) -> None:
    dataset = pictures(tmp_path / "data", 3)
    seen: list[object] = []
    with pytest.raises(NetworkError, match="cannot be kept"):
        run(found, dataset, tmp_path / "run", trials=1, head="keep", observe=seen.append)
    assert not seen


def test_wrong_labels_in_the_test_set_change_no_choice(found: Path, tmp_path: Path) -> None:
    right = run(found, pictures(tmp_path / "right", 4), tmp_path / "one", trials=2)
    wrong = run(found, pictures(tmp_path / "wrong", 4, rotate=1), tmp_path / "two", trials=2)
    for name, results in right.levels[0].results.items():
        for one, two in zip(results, wrong.levels[0].results[name], strict=True):
            assert one.early_stop == two.early_stop
            assert torch.equal(one.curves.validation_loss, two.curves.validation_loss)
            assert one.accuracy != two.accuracy


def test_data_that_have_changed_are_refused(found: Path, tmp_path: Path) -> None:
    dataset = pictures(tmp_path / "data", 3)
    run(found, dataset, tmp_path / "run", trials=1)
    (tmp_path / "data/test/class-0/0-0.png").unlink()
    with pytest.raises(RunMismatchError, match="other data"):
        run(found, dataset, tmp_path / "run", trials=2)
