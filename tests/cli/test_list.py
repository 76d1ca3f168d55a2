from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ticket_hub.runs.lock import hold

TINY = ["--set", "training.iterations=20", "--trials", "1", "--levels", "1", "--workers", "1"]


def test_without_runs_the_list_is_empty_and_says_how_to_begin(ticket: Callable[..., Any]) -> None:
    ran = ticket("list")
    assert (ran.code, ran.stdout) == (0, "")
    assert "ticket find" in ran.stderr
    assert json.loads(ticket("list", "--format", "json").stdout) == []


def test_runs_are_listed_with_how_far_they_are(ticket: Callable[..., Any]) -> None:
    found = json.loads(ticket("find", "digits-quick", *TINY, "--format", "json").stdout)
    (row,) = json.loads(ticket("list", "--format", "json").stdout)
    assert row["path"] == found["run"]
    assert row["state"] == "finished"
    assert row["levels"] == row["planned"] == 2
    assert ticket("list", "-q").stdout == f"{row['name']}\n"
    heading, line = ticket("list").stdout.splitlines()
    assert heading.startswith("RUN")
    assert "finished" in line
    assert "2 of 2" in line


def test_experiments_and_what_lies_elsewhere_are_listed_with_what_they_reach(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    run, study = tmp_path / "elsewhere/run", tmp_path / "study"
    ticket("find", "digits-quick", *TINY, "--out", str(run))
    ticket(
        "retrain",
        str(run),
        "--trials",
        "1",
        "--against",
        "reinit",
        "--out",
        str(study),
        "--workers",
        "1",
    )
    rows = {row["name"]: row for row in json.loads(ticket("list", "--format", "json").stdout)}
    assert {name: row["kind"] for name, row in rows.items()} == {
        "run": "search",
        "study": "retrain",
    }
    found, tried = rows["run"], rows["study"]
    assert found["path"] == str(run)
    assert (found["data"], found["network"]) == ("digits", tried["network"])
    shown = json.loads(ticket("show", str(run), "--format", "json").stdout)
    (level,) = [each for each in shown["levels"] if each["density"] == found["weights"]]
    assert found["best"] == level["test_accuracy"]["mean"]
    assert found["size"] == sum(file.stat().st_size for file in run.rglob("*") if file.is_file())
    assert (tried["state"], tried["best"], tried["levels"]) == ("finished", None, None)
    named = json.loads(ticket("show", "run", "--format", "json").stdout)
    assert named == shown, "the name that the list shows is enough"
    lines = ticket("list").stdout
    assert f"{100 * found['best']:.2f}%" in lines
    empty = tmp_path / "empty"
    empty.mkdir()
    assert json.loads(ticket("list", "--runs", str(empty), "--format", "json").stdout) == []


def test_a_run_is_removed_whole_when_one_says_yes(
    ticket: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    found = json.loads(ticket("find", "digits-quick", *TINY, "--format", "json").stdout)
    run = Path(found["run"])
    refused = ticket("rm", run.name)
    assert refused.code == 1
    assert "Nothing was removed" in refused.stderr
    with hold(run / "lock"):
        assert "is being worked on" in ticket("rm", run.name, "--yes").stderr
    (tmp_path / "mine").mkdir()
    assert "no run and no experiment" in ticket("rm", str(tmp_path / "mine"), "--yes").stderr
    assert "There is no run 'nothing'" in ticket("rm", "nothing", "--yes").stderr
    assert run.is_dir()
    elsewhere = tmp_path / "another disk"
    run.rename(elsewhere)
    run.symlink_to(elsewhere)
    size = sum(file.stat().st_size for file in run.rglob("*") if file.is_file())
    (gone,) = json.loads(ticket("rm", run.name, "--yes", "--format", "json").stdout)
    assert gone == {"removed": str(run), "bytes": size}
    assert list(run.parent.iterdir()) == []
    assert not elsewhere.exists()
    assert json.loads(ticket("list", "--format", "json").stdout) == []


@contextlib.contextmanager
def another_user() -> Iterator[None]:
    """Be somebody who may read nothing of root's, where the tests are root's."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.mark.skipif(os.name != "posix", reason="files have no modes")
def test_a_run_of_another_user_hides_no_other_and_is_said_to_be_theirs(
    ticket: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as name:
        shared, home = Path(name) / "runs", Path(name) / "home"
        for folder in (shared / "mine", shared / "secret/bundle", home):
            folder.mkdir(parents=True)
        (shared / "mine/run.json").write_text("{}")
        (shared / "secret/run.json").write_text("{}")
        for folder, mode in ((Path(name), 0o755), (home, 0o777), (shared / "secret", 0)):
            folder.chmod(mode)
        monkeypatch.setenv("TICKET_HOME", str(home))
        ticket("show", str(shared / "mine"))  # who lacks rights cannot import our modules either
        with another_user():
            listed = ticket("list", "--runs", str(shared), "--format", "json")
            shown = ticket("show", str(shared / "secret/bundle"))
        (shared / "secret").chmod(0o700)
    assert [Path(each["path"]).name for each in json.loads(listed.stdout)] == ["mine"]
    assert shown.code == 9
    assert "may not look at" in shown.stderr
