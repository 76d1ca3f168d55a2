from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.helpers.runs import files
from ticket_hub.bundle import open_bundle
from ticket_hub.content_id import content_digest
from ticket_hub.errors import (
    DivergedError,
    PruningError,
    RunError,
    RunMismatchError,
    StoppedError,
    TicketHubError,
    TrainingError,
)
from ticket_hub.pruning import is_nested, kept
from ticket_hub.recipe import Recipe, load_recipe
from ticket_hub.runs import Level, list_runs
from ticket_hub.runs.resources import Resources
from ticket_hub.search import search


def contents(levels: list[Level]) -> list[list[str]]:
    """What must not change when a search is repeated or resumed."""
    return [
        [
            digest
            for trial in level.trials
            for digest in (
                content_digest(trial.theta0),
                content_digest(trial.mask),
                content_digest(trial.trained.weights),
            )
        ]
        for level in levels
    ]


def test_each_round_prunes_the_round_before_to_the_planned_count(
    tiny: Recipe, tmp_path: Path
) -> None:
    levels = list(search(tiny, run_folder=tmp_path))
    assert [level.index for level in levels] == [0, 1, 2]
    assert [kept(level.trials[0].mask) for level in levels] == [592, 482, 393]
    for before, after in itertools.pairwise(levels):
        for one, other in zip(before.trials, after.trials, strict=True):
            assert is_nested(other.mask, one.mask)


def test_a_finished_search_is_read_and_not_trained_again(tiny: Recipe, tmp_path: Path) -> None:
    first = list(search(tiny, run_folder=tmp_path))
    again = list(
        search(tiny, run_folder=tmp_path, resources=Resources(data_dir=tmp_path / "nowhere"))
    )
    assert contents(again) == contents(first)
    assert not any(level.resumed for level in first)
    assert all(level.resumed for level in again)
    assert [level.ending for level in again] == [level.ending for level in first]


def test_a_search_goes_on_where_it_was_left_with_the_same_bits(
    tiny: Recipe, tmp_path: Path
) -> None:
    whole = list(search(tiny, run_folder=tmp_path / "whole"))
    started = search(tiny, run_folder=tmp_path / "parts")
    next(started)
    started.close()
    parts = list(search(tiny, run_folder=tmp_path / "parts"))
    assert [level.resumed for level in parts] == [True, False, False]
    assert contents(parts) == contents(whole)


@pytest.mark.parametrize("rewind", ["init", "6it"])
def test_survivors_return_to_theta0(tiny: Recipe, tmp_path: Path, rewind: str) -> None:
    recipe = tiny.replace({"search.rewind": rewind, "training.iterations": 6 + 6})
    levels = list(search(recipe, run_folder=tmp_path))
    for level in levels[1:]:
        first = int(level.trials[0].trained.curves.iterations[0])
        assert first == recipe.search.rewind_step
        assert content_digest(level.trials[0].theta0) == content_digest(levels[0].trials[0].theta0)


def test_rewinding_to_a_step_keeps_the_weights_of_that_step(tiny: Recipe, tmp_path: Path) -> None:
    step = tiny.replace({"search.rewind": "4it", "search.levels": 0})
    short = tiny.replace({"training.iterations": 4, "search.levels": 0})
    (rewound,) = search(step, run_folder=tmp_path / "step")
    (stopped,) = search(short, run_folder=tmp_path / "short")
    for one, other in zip(rewound.trials, stopped.trials, strict=True):
        assert content_digest(one.theta0) == content_digest(other.trained.weights)


def test_without_reset_training_goes_on_from_the_pruned_weights(
    tiny: Recipe, tmp_path: Path
) -> None:
    reset = list(search(tiny, run_folder=tmp_path / "reset"))
    recipe = tiny.replace({"search.rewind": "none"})
    levels = list(search(recipe, run_folder=tmp_path / "none"))
    assert contents(levels)[0] == contents(reset)[0]
    trial, before = levels[1].trials[0], levels[0].trials[0].trained.weights
    began = float(trial.trained.curves.validation_loss[0])
    assert began < float(reset[1].trials[0].trained.curves.validation_loss[0])
    assert not torch.equal(trial.trained.weights["output.weight"], before["output.weight"])


def test_one_shot_prunes_the_dense_network_for_each_level_anew(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace({"pruning.mode": "one-shot"})
    levels = list(search(recipe, run_folder=tmp_path))
    assert [kept(level.trials[0].mask) for level in levels] == [592, 482, 393]
    started = search(recipe, run_folder=tmp_path / "parts")
    [next(started), next(started)]
    started.close()
    assert contents(list(search(recipe, run_folder=tmp_path / "parts"))) == contents(levels)


def test_one_shot_to_a_density_has_one_level(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.replace({"pruning.mode": "one-shot", "pruning.target_density": 0.25})
    levels = list(search(recipe, run_folder=tmp_path))
    assert [level.density for level in levels] == [1.0, 0.25]


def test_a_search_ends_before_it_falls_below_the_density_asked_for(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace({"search.stop_density": 0.7})
    levels = list(search(recipe, run_folder=tmp_path))
    assert len(levels) == 2
    assert levels[-1].ending is not None
    assert levels[-1].ending.reason == "density"


def test_a_search_ends_once_accuracy_is_below_dense(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.replace(
        {
            "training.iterations": 200,
            "training.evaluate_every": 50,
            "pruning.rates": {"fc": 0.9, "output": 0.9},
            "search.stop_below_dense": 0.05,
        }
    )
    *_, last = search(recipe, run_folder=tmp_path)
    assert last.ending is not None
    assert (last.index, last.ending.reason) == (1, "accuracy")


def test_a_search_ends_with_the_level_before_a_layer_would_lose_its_last_weight(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace(
        {
            "pruning.criterion": "random",
            "pruning.rates": {"output": 0.95, "fc": 0.0},
            "search.levels": 9,
        }
    )
    *_, last = search(recipe, run_folder=tmp_path)
    assert last.ending is not None
    assert (last.ending.reason, last.ending.layer) == ("collapse", "output.weight")
    assert int(last.trials[0].mask["output.weight"].sum()) > 0


def test_a_layer_may_lose_its_last_weight_where_the_recipe_allows_it(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace(
        {
            "pruning.rates": {"output": 0.95, "fc": 0.0},
            "pruning.allow_empty_layers": True,
            "search.levels": 9,
        }
    )
    *_, last = search(recipe, run_folder=tmp_path)
    assert last.ending is not None
    assert last.ending.reason == "exhausted"
    assert int(last.trials[0].mask["output.weight"].sum()) == 0


def test_what_cannot_be_pruned_is_refused_before_training(tiny: Recipe, tmp_path: Path) -> None:
    seen: list[object] = []
    recipe = tiny.replace({"pruning.rates": {"conv": 0.2}})
    with pytest.raises(PruningError, match="nothing to prune"):
        next(search(recipe, run_folder=tmp_path, resources=Resources(observe=seen.append)))
    assert not seen


def test_what_would_stay_whole_without_being_said_is_refused_before_a_run_begins(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace({"pruning.rates": {"output": 0.2}})
    with pytest.raises(PruningError, match="Only 80 of 592 prunable weights") as caught:
        next(search(recipe, run_folder=tmp_path))
    assert "--set pruning.rates.fc=0.2" in caught.value.remedy
    assert not (tmp_path / "run.json").exists()


def test_what_is_never_pruned_and_what_thins_out_is_told_before_and_while_it_searches(
    tiny: Recipe, tmp_path: Path
) -> None:
    told: list[str] = []
    recipe = tiny.replace({"pruning.rates": {"fc": 0.9, "output": 0.0}, "search.levels": 3})
    search_of = search(recipe, run_folder=tmp_path, resources=Resources(notify=told.append))
    next(search_of)
    assert len(told) == 1
    assert told[0].startswith("Never pruned: output, 80 of 592 prunable weights (13.51%)")
    list(search_of)
    (thin,) = told[1:]
    assert thin.startswith("Level 2: hidden.0.weight keeps 5 of 512 weights (0.98%; the whole ")
    assert thin.endswith("network 14.36%): near collapse, fewer weights than outputs.")


def test_a_run_goes_on_by_a_recipe_that_ends_later_and_is_then_a_run_of_that(
    tiny: Recipe, tmp_path: Path
) -> None:
    longer = tiny.replace({"search.levels": 3})
    list(search(longer, run_folder=tmp_path / "straight"))
    before = list(search(tiny, run_folder=tmp_path / "run"))
    after = list(search(longer, run_folder=tmp_path / "run"))
    assert [level.resumed for level in after] == [True, True, True, False]
    assert contents(after[:3]) == contents(before)
    assert [level.ending is None for level in after] == [True, True, True, False]
    assert files(tmp_path / "run") == files(tmp_path / "straight")
    assert list_runs(tmp_path)[0].digest == longer.digest
    assert open_bundle(tmp_path / "run/bundle").manifest.recipe == longer
    with pytest.raises(RunMismatchError):
        next(search(tiny, run_folder=tmp_path / "run"))


def test_a_density_to_stop_at_may_be_lowered_and_a_run_that_was_stopped_goes_further(
    tiny: Recipe, tmp_path: Path
) -> None:
    first = tiny.replace({"search.stop_density": 0.8})
    *_, last = search(first, run_folder=tmp_path)
    assert (last.index, last.ending.reason if last.ending else "") == (1, "density")
    levels = search(tiny.replace({"search.levels": 4}), run_folder=tmp_path)
    assert [next(levels).resumed for _ in range(3)] == [True, True, False]
    levels.close()
    *_, last = search(tiny.replace({"search.levels": 3}), run_folder=tmp_path)
    assert (last.index, last.ending.reason if last.ending else "") == (3, "levels")


def test_the_folder_of_another_recipe_is_refused(tiny: Recipe, tmp_path: Path) -> None:
    next(search(tiny, run_folder=tmp_path))
    other = tiny.replace({"training.lr": 0.5})
    with pytest.raises(RunMismatchError, match=tiny.digest[:12]):
        next(search(other, run_folder=tmp_path))


def test_the_recipe_in_the_folder_repeats_the_search(tiny: Recipe, tmp_path: Path) -> None:
    next(search(tiny, run_folder=tmp_path))
    assert load_recipe(str(tmp_path / "recipe.toml")).digest == tiny.digest


def test_data_that_have_changed_are_refused(tiny: Recipe, tmp_path: Path) -> None:
    next(search(tiny, run_folder=tmp_path))
    header = tmp_path / "run.json"
    header.write_text(header.read_text().replace('"fingerprint": "', '"fingerprint": "00'))
    with pytest.raises(RunMismatchError, match="other data of digits"):
        list(search(tiny, run_folder=tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}'])
def test_a_damaged_header_is_told_with_a_remedy(tiny: Recipe, tmp_path: Path, text: str) -> None:
    next(search(tiny, run_folder=tmp_path))
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json is damaged") as caught:
        next(search(tiny, run_folder=tmp_path))
    assert str(tmp_path) in caught.value.remedy


def test_a_run_of_a_later_format_is_left_alone(tiny: Recipe, tmp_path: Path) -> None:
    next(search(tiny, run_folder=tmp_path))
    header = tmp_path / "run.json"
    header.write_text(header.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(RunError, match="has format 2"):
        next(search(tiny, run_folder=tmp_path))


def test_a_loss_that_is_not_finite_ends_the_search_and_keeps_the_levels_before(
    tiny: Recipe, tmp_path: Path
) -> None:
    recipe = tiny.replace({"training.lr": 1e30, "training.optimizer": "sgd"})
    with pytest.raises(DivergedError) as caught:
        list(search(recipe, run_folder=tmp_path / "run"))
    assert "lr" in caught.value.remedy
    (run,) = list_runs(tmp_path)
    assert (run.state, run.levels) == ("stopped", 0)


def test_a_folder_that_is_no_run_is_left_alone(tiny: Recipe, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunError, match="no run"):
        next(search(tiny, run_folder=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("place", ["link", "link/run"])
def test_a_link_to_nothing_is_refused_by_its_name(tiny: Recipe, tmp_path: Path, place: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TicketHubError, match=r"link is a link to .*nowhere, where there is") as it:
        next(search(tiny, run_folder=tmp_path / place))
    assert "permissions" not in it.value.remedy
    assert not (tmp_path / "nowhere").exists()


FIND = """
import sys
from pathlib import Path
from ticket_hub.recipe import load_recipe
from ticket_hub.search import find
found = find(load_recipe(sys.argv[1]), run_folder=Path(sys.argv[2]))
print(found.levels[-1].density, found.ending.reason)
"""


@pytest.mark.skipif(
    os.getuid() == 0 and shutil.which("setpriv") is None, reason="root may write anywhere"
)
def test_a_finished_run_is_read_where_it_may_not_be_written(tiny: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    *_, last = search(tiny, run_folder=run)
    before = files(run)
    bound = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    command = [sys.executable, "-c", FIND, str(run / "recipe.toml"), str(run)]
    places = [run, *run.rglob("*")]
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        ran = subprocess.run(
            [*(bound if os.getuid() == 0 else []), *command],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        for place in places:
            place.chmod(0o755 if place.is_dir() else 0o644)
    assert (ran.returncode, ran.stdout) == (0, f"{last.density} levels\n"), ran.stderr
    assert files(run) == before


def test_a_stop_asked_for_beforehand_trains_nothing(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match="level 0"):
        next(search(tiny, run_folder=tmp_path, resources=Resources(should_stop=lambda: True)))
    assert len(list(search(tiny, run_folder=tmp_path))) == 3


def test_a_device_that_is_not_there_is_refused_before_anything_else(
    tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no device 'abacus'"):
        next(search(tiny, run_folder=tmp_path, resources=Resources(device="abacus")))


def test_a_damaged_level_is_noticed_and_made_again_once_removed(
    tiny: Recipe, tmp_path: Path
) -> None:
    before = contents(list(search(tiny, run_folder=tmp_path)))
    victim = tmp_path / "levels/001/trial-1.safetensors"
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    with pytest.raises(RunError, match=r"trial-1\.safetensors is damaged"):
        list(search(tiny, run_folder=tmp_path))
    for path in victim.parent.iterdir():
        path.unlink()
    levels = list(search(tiny, run_folder=tmp_path))
    assert [level.resumed for level in levels] == [True, False, True]
    assert contents(levels) == before
