from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import safetensors

from tests.helpers import forked
from tests.helpers.runs import files
from ticket_hub import Ticket
from ticket_hub.bundle import (
    BundleContent,
    LevelContent,
    TrialContent,
    open_bundle,
    verify_bundle,
    write_bundle,
)
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.errors import EnvironmentMismatchError, RunError, RunLockedError, StoppedError
from ticket_hub.recipe import Recipe, load_recipe
from ticket_hub.runs import Level, list_runs
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.resources import Resources
from ticket_hub.search import search
from ticket_hub.training import Progress

GOLDEN_RUN = Path(__file__).parents[2] / "golden/run-1"
"""Two levels of `tiny`, as they were kept when theta0 and masks lay beside the bundle, too."""


@pytest.fixture
def straight(tiny: Recipe, tmp_path: Path) -> dict[str, str]:
    """The files of a run that nobody disturbed."""
    list(search(tiny, run_folder=tmp_path / "straight"))
    return files(tmp_path / "straight")


def stop_within_level(recipe: Recipe, folder: Path, index: int, iteration: int = 4) -> None:
    """Search until a level has come to an iteration, and stop there."""
    wish, finished = False, 0

    def observe(progress: Progress) -> None:
        nonlocal wish
        if finished == index and progress.iteration >= iteration:
            wish = True
            time.sleep(0.06)  # the wish is asked for at most twenty times a second

    def run() -> None:
        nonlocal finished
        for _ in search(
            recipe,
            run_folder=folder,
            resources=Resources(workers=1, observe=observe, should_stop=lambda: wish),
        ):
            finished += 1

    with pytest.raises(StoppedError, match="run the same command again"):
        run()
    assert finished == index


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoints/*/*.safetensors"))


@pytest.mark.parametrize("index", [0, 1])
def test_a_half_finished_level_goes_on_from_its_checkpoint_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, straight: dict[str, str], index: int
) -> None:
    folder = tmp_path / "run"
    stop_within_level(tiny, folder, index)
    assert len(checkpoints(folder)) == 2
    begun: list[int] = []
    list(
        search(
            tiny,
            run_folder=folder,
            resources=Resources(observe=lambda news: begun.append(news.iteration)),
        )
    )
    assert begun[0] > 0
    assert files(folder) == straight


def test_a_damaged_checkpoint_is_told_and_skipped(
    tiny: Recipe, tmp_path: Path, straight: dict[str, str]
) -> None:
    folder = tmp_path / "run"
    stop_within_level(tiny, folder, 1, iteration=4)
    older = {path.name for path in checkpoints(folder)}
    stop_within_level_again(tiny, folder)
    newest = next(p for p in checkpoints(folder) if p.name not in older and "trial-1" in p.name)
    newest.write_bytes(newest.read_bytes()[:-4] + b"rot!")
    told: list[str] = []
    list(search(tiny, run_folder=folder, resources=Resources(notify=told.append)))
    assert told == [
        f"The checkpoint {newest.name} is damaged and was skipped; an earlier state is used."
    ]
    assert files(folder) == straight


def stop_within_level_again(recipe: Recipe, folder: Path) -> None:
    wish = False

    def observe(progress: Progress) -> None:
        nonlocal wish
        wish = progress.iteration >= 8
        time.sleep(0.06)

    with pytest.raises(StoppedError):
        list(
            search(
                recipe,
                run_folder=folder,
                resources=Resources(workers=1, observe=observe, should_stop=lambda: wish),
            )
        )


@pytest.mark.usefixtures("forked_processes")
def test_a_wish_to_stop_that_comes_when_all_workers_are_done_loses_nothing(
    tiny: Recipe, tmp_path: Path
) -> None:
    through: set[str] = set()

    def observe(progress: Progress) -> None:
        if progress.iteration == progress.iterations:
            through.add(progress.member)

    working = search(
        tiny,
        run_folder=tmp_path,
        resources=Resources(
            workers=2, observe=observe, should_stop=lambda: len(through) == tiny.search.trials
        ),
    )
    assert next(working).index == 0
    with pytest.raises(StoppedError, match="before level 1"):
        next(working)


def test_checkpoints_are_gone_once_their_level_is_finished(tiny: Recipe, tmp_path: Path) -> None:
    stop_within_level(tiny, tmp_path, 1)
    working = search(tiny, run_folder=tmp_path)
    [next(working), next(working)]
    working.close()
    assert checkpoints(tmp_path) == []


def test_the_bundle_has_every_level_that_was_yielded(tiny: Recipe, tmp_path: Path) -> None:
    for level in search(tiny, run_folder=tmp_path):
        bundle = open_bundle(tmp_path / "bundle")
        assert [record.index for record in bundle.levels] == list(range(level.index + 1))
        ticket = Ticket.load(tmp_path / "bundle", level=level.index, trial=1)
        assert all(
            bool((keep == level.trials[1].mask[name]).all()) for name, keep in ticket.mask.items()
        )


def add_control(run: Path, level: Level) -> None:
    """Write evidence of a control into a run's bundle, as an experiment would."""
    folder = RunFolder(run)
    header, theta0 = folder.read_header(), folder.read_theta0()
    assert header is not None
    assert theta0 is not None
    first = folder.read_level(0, None, theta0)
    curves = tuple(trial.trained.curves for trial in level.trials)
    backends = tuple(trial.trained.backend for trial in level.trials)
    content = BundleContent(
        recipe=header.recipe,
        architecture=header.architecture,
        data=header.data,
        environment=folder.read_environment()[0],
        trials=tuple(
            TrialContent(index=index, seed=trial.seed, theta0=trial.theta0)
            for index, trial in enumerate(level.trials)
        ),
        levels=tuple(
            LevelContent(
                index=each.index,
                masks=tuple(trial.mask for trial in each.trials),
                curves=tuple(trial.trained.curves for trial in each.trials),
                backends=backends,
            )
            for each in (first, level)
        ),
        controls=tuple(
            CurveRecord(control="reinit", level=1, trial=trial, backend="plain", curves=each)
            for trial, each in enumerate(curves)
        ),
    )
    write_bundle(folder.bundle, content)


def test_evidence_of_controls_stays_in_the_bundle_when_the_search_goes_on(
    tiny: Recipe, tmp_path: Path
) -> None:
    working = search(tiny, run_folder=tmp_path)
    next(working)
    add_control(tmp_path, next(working))
    working.close()
    list(search(tiny, run_folder=tmp_path))
    bundle = open_bundle(tmp_path / "bundle")
    found = [(record.control, record.level, record.trial) for record in bundle.curves()]
    assert len(bundle.levels) == 3
    assert found.count(("reinit", 1, 0)) == found.count(("reinit", 1, 1)) == 1
    assert len(found) == 3 * 2 + 2


def test_a_lost_bundle_is_written_again_by_the_same_command(
    tiny: Recipe, tmp_path: Path, straight: dict[str, str]
) -> None:
    (tmp_path / "straight/bundle/ticket.json").unlink()
    list(search(tiny, run_folder=tmp_path / "straight"))
    assert files(tmp_path / "straight") == straight


def test_theta0_that_was_lost_is_made_again_with_level_0(
    tiny: Recipe, tmp_path: Path, straight: dict[str, str]
) -> None:
    (tmp_path / "straight/theta0/seal.json").unlink()
    levels = list(search(tiny, run_folder=tmp_path / "straight"))
    assert [level.resumed for level in levels] == [False, True, True]
    assert files(tmp_path / "straight") == straight


def test_theta0_and_masks_are_written_once_where_the_bundle_keeps_them(
    tiny: Recipe, tmp_path: Path
) -> None:
    list(search(tiny, run_folder=tmp_path))
    assert [path.name for path in (tmp_path / "theta0").iterdir()] == ["seal.json"]
    for path in tmp_path.glob("levels/*/*.safetensors"):
        with safetensors.safe_open(path, framework="pt") as stored:
            assert {name.partition("/")[0] for name in stored.keys()} == {"trained", "readings"}  # noqa: SIM118 - no mapping
    assert len(list(tmp_path.glob("bundle/masks/*/*"))) == 3 * 2


def test_the_bundle_gets_its_manifest_without_writing_theta0_and_masks_again(
    tiny: Recipe, tmp_path: Path
) -> None:
    def inodes() -> dict[str, int]:
        found = [*tmp_path.glob("bundle/theta0/*"), *tmp_path.glob("bundle/masks/*/[01].*")]
        return {str(path): path.stat().st_ino for path in found}

    working = search(tiny, run_folder=tmp_path)
    [next(working), next(working)]
    working.close()
    (tmp_path / "bundle/ticket.json").unlink()
    before = inodes()
    list(search(tiny, run_folder=tmp_path))
    assert len(before) == 2 + 2 * 2
    assert inodes() == before


def test_a_damaged_mask_in_the_bundle_is_noticed_and_made_again_with_its_level(
    tiny: Recipe, tmp_path: Path, straight: dict[str, str]
) -> None:
    run = tmp_path / "straight"
    (run / "bundle/masks/1/1.safetensors").write_bytes(b"rot")
    with pytest.raises(RunError, match=r"masks/1/1\.safetensors is damaged") as caught:
        list(search(tiny, run_folder=run))
    assert str(run / "levels/001") in caught.value.remedy
    shutil.rmtree(run / "levels/001")
    list(search(tiny, run_folder=run))
    assert files(run) == straight


def test_a_run_that_kept_theta0_and_masks_twice_goes_on(
    tiny: Recipe, tmp_path: Path, straight: dict[str, str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(GOLDEN_RUN, run)
    resources = Resources(workers=1, accept_environment=True)
    levels = list(search(tiny, run_folder=run, resources=resources))
    assert [level.resumed for level in levels] == [True, True, False]
    assert all(report.holds for report in verify_bundle(run / "bundle").checks)
    again = list(search(tiny, run_folder=run))
    assert [level.resumed for level in again] == [True, True, True]


def pretend_another_environment(folder: Path) -> None:
    path = folder / "environment.json"
    path.write_text(path.read_text().replace('"torch": "2', '"torch": "1'))


def test_another_environment_is_refused_and_once_accepted_marks_the_bundle_for_good(
    tiny: Recipe, tmp_path: Path
) -> None:
    next(search(tiny, run_folder=tmp_path))
    pretend_another_environment(tmp_path)
    with pytest.raises(EnvironmentMismatchError, match="torch: 1"):
        list(search(tiny, run_folder=tmp_path))
    assert open_bundle(tmp_path / "bundle").manifest.bit_exact
    list(search(tiny, run_folder=tmp_path, resources=Resources(accept_environment=True)))
    assert not open_bundle(tmp_path / "bundle").manifest.bit_exact
    list(search(tiny, run_folder=tmp_path))
    assert not open_bundle(tmp_path / "bundle").manifest.bit_exact


def test_a_finished_run_is_read_in_any_environment(tiny: Recipe, tmp_path: Path) -> None:
    list(search(tiny, run_folder=tmp_path))
    pretend_another_environment(tmp_path)
    assert len(list(search(tiny, run_folder=tmp_path))) == 3


SEARCH = """
import sys, pathlib, torch
torch.set_num_threads(1)
from ticket_hub.errors import StoppedError
from ticket_hub.recipe import load_recipe
from ticket_hub.runs import Resources, stop_on_signals
from ticket_hub.search import search
recipe = load_recipe("digits-quick").replace(
    {"network.name": "lenet-8", "training.iterations": 10**6, "training.evaluate_every": 100,
     "training.backend": "stack", "search.trials": 1}
)
with stop_on_signals() as should_stop:
    try:
        resources = Resources(workers=1, should_stop=should_stop,
                              observe=lambda news: print(news.iteration, flush=True))
        list(search(recipe, run_folder=pathlib.Path(sys.argv[1]), resources=resources))
    except StoppedError:
        sys.exit(75)
"""


def test_sigterm_ends_a_search_within_ten_seconds_and_it_goes_on_later(tmp_path: Path) -> None:
    def start() -> tuple[subprocess.Popen[bytes], int]:
        process = subprocess.Popen(
            [forked.python(), "-c", SEARCH, str(tmp_path / "run")], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        while (line := process.stdout.readline()) == b"0\n":
            pass
        return process, int(line)

    first, began = start()
    with first:
        assert began == 100
        with pytest.raises(RunLockedError, match=f"process {forked.fork_of(first.pid)} "):
            next(search(load_recipe("digits-quick"), run_folder=tmp_path / "run"))
        assert list_runs(tmp_path)[0].state == "running"
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=10)
    assert first.returncode == 75
    assert list_runs(tmp_path)[0].state == "stopped"
    second, resumed = start()
    with second:
        assert resumed > 100
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=10)
    assert second.returncode == 75
