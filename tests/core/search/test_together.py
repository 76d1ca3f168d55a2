"""One network trained by two processes, as `torchrun` starts them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers.ranks import together
from tests.helpers.runs import files
from ticket_hub.data import load
from ticket_hub.errors import EnvironmentMismatchError, RecipeError, TrainingError
from ticket_hub.recipe import load_recipe
from ticket_hub.runs.folder import RunFolder
from ticket_hub.search import find
from ticket_hub.training import Member
from ticket_hub.training.capacity import world_size
from ticket_hub.training.following import check_shares
from ticket_hub.training.task import Task

SCRIPT = """
import json, os, sys

import ticket_hub
from ticket_hub.errors import TicketHubError
from ticket_hub.training.following import together

changes, run, dying, at = json.loads(sys.argv[1]), *sys.argv[2:5]
asked = 0


def ask():
    global asked
    asked += 1
    if os.environ["RANK"] == dying and asked == int(at):
        os._exit(9)  # as a machine that dies
    return dying == "stop" and os.environ["RANK"] == "1" and asked == int(at)


def search():
    return ticket_hub.find(
        "digits-quick", changes=changes, run_folder=run, should_stop=ask, checkpoint_seconds=0
    )


try:
    together(search, should_stop=ask)
except TicketHubError as error:
    print(type(error).__name__, error)
    sys.exit(3)
"""

CHANGES: dict[str, Any] = {
    "network.name": "lenet-24",
    "data.flip": True,
    "training.iterations": 40,
    "training.batch_size": 61,  # which two cannot share evenly
    "training.evaluate_every": 20,
    "search.levels": 1,
    "search.trials": 2,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The script, and a run that two processes made undisturbed."""
    folder = tmp_path_factory.mktemp("together")
    script = folder / "search.py"
    script.write_text(SCRIPT)
    assert started(script, folder / "run") == [(0, ""), (0, "")]
    return script, folder / "run"


def started(
    script: Path, run: Path, dying: str = "none", at: int = 0, changes: dict[str, Any] = CHANGES
) -> list[tuple[int, str]]:
    return together(script, json.dumps(changes), str(run), dying, str(at))


def test_two_processes_find_what_one_finds(whole: tuple[Path, Path], tmp_path: Path) -> None:
    changes = CHANGES | {"training.backend": "plain"}
    alone = find("digits-quick", changes=changes, run_folder=tmp_path / "run", workers=1)
    one, two = (RunFolder(path / "run") for path in (tmp_path, whole[1].parent))
    names = [path.name for path in (alone.run / "bundle/theta0").iterdir()]
    assert names
    for name in names:
        paths = [folder.path / "bundle/theta0" / name for folder in (one, two)]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    assert_close(one, two, trials=4)
    masks = [sorted((folder.path / "bundle/masks").rglob("*.safetensors")) for folder in (one, two)]
    for mine, other in zip(*masks, strict=True):
        for name, bits in load_file(mine).items():
            assert torch.equal(bits, load_file(other)[name])


def assert_close(one: RunFolder, two: RunFolder, *, trials: int) -> None:
    """Trained weights and curves are those of the other run, up to rounding."""
    paths = sorted(path.relative_to(one.path) for path in one.path.glob("levels/*/trial-*.saf*"))
    assert len(paths) == trials
    for path in paths:
        theirs = load_file(two.path / path)
        for name, values in load_file(one.path / path).items():
            torch.testing.assert_close(values, theirs[name], rtol=0, atol=1e-5)


def test_two_processes_mix_the_pairs_that_one_mixes(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    changes = CHANGES | {"training.mixup": 0.4, "training.batch_size": 60, "search.trials": 1}
    changes |= {"training.iterations": 20, "training.backend": "plain"}
    assert started(whole[0], tmp_path / "two", changes=changes) == [(0, ""), (0, "")]
    find("digits-quick", changes=changes, run_folder=tmp_path / "one", workers=1)
    one, two = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two")
    assert_close(one, two, trials=2)
    find("digits-quick", changes=changes | {"training.mixup": 0.0}, run_folder=tmp_path / "without")
    with pytest.raises(AssertionError, match="not close"):
        assert_close(RunFolder(tmp_path / "without"), two, trials=2)


def test_killed_they_end_with_an_error_and_go_on_to_the_same_bits(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    script, run = whole
    first, second = started(script, tmp_path, "1", 9)
    assert second == (9, "")
    assert first[0] == 3
    assert "TrainingError Process 0 of 2 has lost the others" in first[1]
    first, second = started(script, tmp_path, "0", 18)
    assert first == (9, "")
    assert second[0] == 3
    assert "TrainingError Process 1 of 2 has lost the others" in second[1]
    stopped = started(script, tmp_path, "stop", 4)
    assert [code for code, _ in stopped] == [3, 3]
    assert all(text.startswith("StoppedError") for _, text in stopped)
    with pytest.raises(EnvironmentMismatchError, match="processes: 2 -> 1"):
        find("digits-quick", changes=CHANGES, run_folder=tmp_path)
    assert started(script, tmp_path) == [(0, ""), (0, "")]
    assert files(tmp_path) == files(run)


DIFFERING = """
import os

from ticket_hub.errors import MemoryLimitError, TicketHubError
from ticket_hub.training.ranks import joined

with joined(os.environ) as team:
    try:
        team.agree("masks", f"digest-{team.rank}", "Check it.")
    except TicketHubError as error:
        print(error)
    print(team.gather(team.share(61)), team.any(team.rank == 1), team.any(False))
    try:
        if team.rank:
            raise MemoryLimitError("The memory of this one is used up.", "Get more.")
        team.any(False)
    except TicketHubError as error:
        print(error)
        raise
"""


def test_processes_that_differ_or_fail_tell_each_other(tmp_path: Path) -> None:
    (tmp_path / "differing.py").write_text(DIFFERING)
    ended = together(tmp_path / "differing.py")
    said = [text.splitlines() for _, text in ended]
    assert [code for code, _ in ended] == [1, 1]
    assert said[0][:2] == said[1][:2]
    assert "differ in masks: rank 0 has digest-0, rank 1 digest-1." in said[0][0]
    assert said[0][1] == "[slice(0, 30, None), slice(30, 61, None)] True False"
    assert "Rank 1: The memory of this one is used up." in said[0][2]


def test_what_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe("digits-quick")
    data = load(recipe.data)
    task = Task(
        architecture=None,  # type: ignore[arg-type] # it is not asked for
        training=recipe.training,
        backend="plain",
        members=tuple[Member, ...](),
    )
    check_shares(task, data, 60)
    with pytest.raises(RecipeError, match="60 examples cannot be split over 61 processes"):
        check_shares(task, data, 61)
    mixing = replace(task, training=recipe.replace({"training.mixup": 0.2}).training)
    check_shares(mixing, data, 30)
    with pytest.raises(RecipeError, match="20 processes do not get whole pairs of 60 examples"):
        check_shares(mixing, data, 20)
    forced = recipe.replace({"training.backend": "stack"}).training
    task = Task(architecture=task.architecture, training=forced, backend="plain", members=())
    with pytest.raises(RecipeError, match="'stack' cannot train one network on 2 processes"):
        check_shares(task, data, 2)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="RANK is '2' and WORLD_SIZE '2'"):
        world_size()
