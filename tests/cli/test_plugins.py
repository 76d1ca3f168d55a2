"""A user's own network and data set, in commands that are processes of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.forked import ticket

MINE = Path(__file__).resolve().parents[1] / "helpers/mynet.py"
SETTINGS = (
    *("--set", "network.name=my-net", "--set", "data.name=my-squares"),
    *("--set", "data.validation=100", "--set", "training.batch_size=20"),
    *("--set", "training.iterations=40", "--set", "training.evaluate_every=20"),
)


def ran(log: Path, *arguments: str, imports: Path | None = MINE) -> tuple[int, str]:
    """How a command ended, and what it said; in a folder that is not the file's."""
    known = [] if imports is None else ["--import", str(imports)]
    code = ticket([*arguments, *known], {**os.environ, "OMP_NUM_THREADS": "1"}, log)
    text = log.read_text("utf-8")
    log.unlink()
    return code, text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    search = ["find", "digits-quick", *SETTINGS, "--levels", "1", "--trials", "3"]
    code, said = ran(folder / "log", *search, "--out", str(folder / "run"), "--workers", "2")
    assert code == 0, said
    return folder / "run"


def test_a_network_and_a_data_set_of_one_s_own_go_all_the_way(run: Path, tmp_path: Path) -> None:
    log, hub = tmp_path / "log", str(tmp_path / "hub")
    retrained = str(tmp_path / "retrained")
    brief = ["--hub", hub, "--set", "training.iterations=20", "--workers", "1"]
    for arguments in (
        ["show", str(run)],
        ["verify", str(run)],
        ["push", str(run), "ann/mine", "--hub", hub],
        ["pull", "ann/mine", "--hub", hub],
        ["retrain", "ann/mine:1", "--against", "reinit", *brief, "--out", retrained],
        ["analyze", f"{run}:1", "--only", "units", "--out", str(tmp_path / "analysis")],
        ["compare", str(run), retrained],
        ["report", str(run), "--out", str(tmp_path / "report")],
        ["export", f"{run}:1", "--to", "torch-prune", "--out", str(tmp_path / "pruned.pth")],
        [
            *("import", str(tmp_path / "pruned.pth"), "--network", "my-net"),
            *("--input-shape", "1x8x8", "--classes", "4", "--out", str(tmp_path / "again")),
        ],
        [
            *("find", "digits-quick", *SETTINGS, "--levels", "0", "--trials", "2"),
            *("--engine", "local", "--out", str(tmp_path / "engine")),
        ],
    ):
        code, said = ran(log, *arguments)
        assert code == 0, f"{arguments}: {said}"


def test_without_the_file_the_refusal_says_how_to_give_it(run: Path, tmp_path: Path) -> None:
    again = ["retrain", str(run), "--out", str(tmp_path / "run")]
    code, said = ran(tmp_path / "log", *again, imports=None)
    assert code == 4
    assert "give it with `--import mynet.py`" in " ".join(said.split())


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("missing.py", None, "There is no file"),
        ("broken.py", "import nothing_that_exists", "No module named 'nothing_that_exists'"),
        ("json.py", "", "another module is called 'json'"),
        ("two-words.py", "", "no name of a module"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(
    name: str, text: str | None, reason: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    code, said = ran(tmp_path / "log", "show", "nowhere", imports=tmp_path / name)
    assert code == 22
    assert reason in " ".join(said.split())
    assert "Traceback" not in said
