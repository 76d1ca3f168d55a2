"""Sharing from the command line, through a hub in a folder."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.costs import cost_record
from tests.helpers.experiments import evidence_table, write_run
from ticket_hub.bundle import amend_bundle, content_of, open_bundle, write_bundle

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


def test_a_push_draws_the_ladder_on_the_card_and_a_pull_brings_it(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    assert ticket("push", str(bundle), "ann/digits", *hub).code == 0
    pulled = Path(ticket("pull", "ann/digits:2", *hub, "-q").stdout.strip())
    assert (pulled / "ladder.svg").read_bytes().startswith(b"<svg ")
    assert "](ladder.svg)" in (pulled / "README.md").read_text("utf-8")
    assert ticket("verify", "--partial", str(pulled)).code == 0


def test_a_push_whose_figure_cannot_be_written_says_so_and_checks_the_rest(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    (bundle / "README.md").unlink()
    (bundle / "README.md").mkdir()
    ran = ticket("push", str(bundle), "ann/digits", "--hub", str(tmp_path / "hub"))
    assert "The card got no figure" in ran.stderr
    assert ran.code == 10
    assert "README.md" in ran.stderr


def test_what_was_pulled_is_shown_verified_and_reported_by_its_name(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    ticket("push", str(bundle), "ann/digits", *hub)
    absent = ticket("show", "ann/digits:2")
    assert absent.code == 11
    assert "ticket pull ann/digits" in absent.stderr
    ticket("pull", "ann/digits:2", *hub)
    assert "lenet-10" in ticket("show", "ann/digits").stdout
    assert ticket("show", "ann/digits:2").code == 0
    assert ticket("verify", "ann/digits").code == 0
    monkeypatch.chdir(tmp_path)
    assert ticket("report", "ann/digits", "--format", "csv").code == 0
    assert (tmp_path / "report/ladder.csv").is_file()
    assert ticket("show", "ann/digits@v9").code == 11


def test_a_replay_says_whether_the_claims_hold_and_ends_with_a_code_of_its_own(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    small = ["training.iterations=60", "training.evaluate_every=20", "search.levels=1"]
    settings = [part for text in small for part in ("--set", text)]
    ticket("find", "digits-quick", *settings, "--trials", "2", "--workers", "1", "--out", str(run))
    replay = ("--replay", "--workers", "1", "--trials", "1")
    ran = ticket("verify", f"{run}:1", *replay)
    assert ran.code == 0
    assert ran.stdout.splitlines()[-1] == "bit-identical"
    assert "of 1 of 2 tickets, one for each trial" in ran.stdout
    table = json.loads(ticket("verify", f"{run}:1", *replay, "--format", "json").stdout)
    assert (table["outcome"], table["holds"]) == ("bit-identical", True)
    hub = ("--hub", str(tmp_path / "hub"))
    here = ticket("verify", f"{run}:1", *replay, *hub)  # a run is here, whatever hub is named
    assert (here.code, here.stdout.splitlines()[-1]) == (0, "bit-identical")
    assert ticket("push", str(run), "ann/digits", *hub).code == 0
    assert ticket("verify", f"{run}:1", "--push").code == 2
    assert ticket("verify", f"{run}:1", *replay, "--push").code == 2  # where to?
    shared = ("--push", "--to", "ann/digits", "--by", "Ben")
    assert "not signed" in ticket("verify", f"{run}:1", *replay, *shared, *hub).stderr
    assert "replayed by 1 other, 1 bit-identical" in ticket("info", "ann/digits", *hub).stdout
    assert "REPLAYED" in ticket("search", "--sort", "replays", *hub).stdout
    content = content_of(open_bundle(run / "bundle"))
    curves = [
        dataclasses.replace(each, test_accuracy=each.test_accuracy * 0.99)
        for each in content.levels[1].curves
    ]
    level = dataclasses.replace(content.levels[1], curves=tuple(curves))
    write_bundle(run / "bundle", dataclasses.replace(content, levels=(content.levels[0], level)))
    assert ticket("verify", str(run)).code == 0
    ran = ticket("verify", f"{run}:1", *replay)
    assert (ran.code, ran.stdout.splitlines()[-1]) == (21, "not reproduced")


def test_a_push_with_evidence_is_shown_here_and_on_the_hub(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    run = str(write_run(tmp_path / "run", evidence_table(bundle, who="")))
    asked = ticket("push", str(bundle), "ann/digits", "--with-evidence", run, *hub)
    assert asked.code == 12
    assert "--by NAME" in asked.stderr
    pushed = ticket("push", str(bundle), "ann/digits", "--with-evidence", run, "--by", "Bo", *hub)
    assert pushed.code == 0
    for shown in (ticket("show", str(bundle)), ticket("info", "ann/digits", *hub)):
        assert "Other experiments with these tickets:" in shown.stdout
        assert "reinit" in shown.stdout
        assert "Bo" in shown.stdout
    table = json.loads(ticket("info", "ann/digits", *hub, "--format", "json").stdout)
    assert {row["by"] for row in table["experiments"]} == {"Bo"}
    assert [round(row["gain"], 6) for row in table["experiments"] if row["gain"]] == [0.1]


def test_advice_after_sharing_names_the_hub_that_was_used(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = tmp_path / "our tickets"
    quoted = f"--hub '{hub}'`"
    where = ("--hub", str(hub))
    assert (
        f"ticket pull ann/digits {quoted}"
        in ticket("push", str(bundle), "ann/digits", *where).stderr
    )
    assert f"ticket pull ann/digits@v1 {quoted}" in ticket("tag", "ann/digits", "v1", *where).stderr
    assert f"ticket info ann/digits {quoted}" in ticket("search", *where).stderr
    assert f"ticket pull ann/digits {quoted}" in ticket("info", "ann/digits", *where).stderr


def test_the_cache_speaks_json(ticket: Callable[..., Any], bundle: Path, tmp_path: Path) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    ticket("push", str(bundle), "ann/digits", *hub)
    pulled = Path(ticket("pull", "ann/digits", *hub, "-q").stdout.strip())
    blob = (pulled / "config.json").resolve()
    assert json.loads(ticket("cache", "verify", "--format", "json").stdout)["damaged"] == []
    freed = json.loads(ticket("cache", "prune", "--all", "--format", "json").stdout)["freed"]
    assert freed > 1000
    assert not blob.exists()


@pytest.mark.parametrize(
    "command", [("push", "ann/digits"), ("report",), ("report", "--format", "json"), ("verify",),
                ("sign",), ("provenance",)],
)  # fmt: skip
def test_where_a_whole_bundle_is_taken_a_level_is_refused(
    ticket: Callable[..., Any], bundle: Path, command: tuple[str, ...]
) -> None:
    name, *rest = command
    ran = ticket(name, f"{bundle}:2", *rest)
    assert (ran.code, ran.stdout) == (11, "")
    assert f"{bundle}:2 names one level" in ran.stderr
    assert f"Write {bundle};" in " ".join(ran.stderr.split())


def test_nothing_is_deleted_unless_somebody_says_yes(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    ticket("push", str(bundle), "ann/digits", *hub)
    for said, code in (("", 1), ("n\n", 1), ("y\n", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        ran = ticket("delete", "ann/digits", *hub)
        assert ran.code == code
        assert ("give --yes" in ran.stderr) is (code == 1)
        assert ticket("info", "ann/digits", *hub).code == (0 if code else 14)


def test_a_push_writes_where_it_went_and_remembers_the_licence(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    assert ticket("push", str(bundle), "ann/digits", "--license", "CC-BY-4.0", *hub).code == 0
    assert ticket("push", str(bundle), "bo/copy", *hub).code == 0
    for repo in ("ann/digits", "bo/copy"):
        pulled = Path(ticket("pull", repo, *hub, "-q").stdout.strip())
        card = (pulled / "README.md").read_text("utf-8")
        assert f'ticket = ticket_hub.Ticket.from_pretrained("{repo}")' in card
        assert "license: cc-by-4.0" in card
        assert ticket("verify", "--partial", str(pulled)).code == 0
    again = ticket("push", str(bundle), "bo/copy", *hub, "--format", "json")
    assert json.loads(again.stdout)["files_sent"] == 0


def test_a_licence_that_cannot_be_written_stops_the_push(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    ran = ticket("push", str(bundle), "ann/digits", "--license", "apache", *hub)
    assert ran.code == 10
    assert "the nearest is" in ran.stderr
    (bundle / "README.md").write_text("Mine.\n", "utf-8")
    ran = ticket("push", str(bundle), "ann/digits", "--license", "mit", *hub)
    assert ran.code == 10
    assert "by a person" in ran.stderr
    assert not (tmp_path / "hub").exists()


def test_a_ticket_is_cited_by_digest_and_commit(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    here = ticket("cite", str(bundle)).stdout
    assert here.startswith("@misc{digits-quick-")
    assert f"sha256:{open_bundle(bundle).manifest.id}" in here
    pushed = json.loads(ticket("push", str(bundle), "ann/digits", *hub, "--format", "json").stdout)
    asked = ticket("cite", "ann/digits", *hub).stdout
    assert f"ann/digits@{pushed['commit']}" in asked
    ticket("pull", "ann/digits", *hub)
    pulled = json.loads(ticket("cite", "ann/digits", "--format", "json").stdout)
    assert pulled["commit"] == pushed["commit"]
    assert pulled["bibtex"] == asked
    assert "1803.03635" in asked


def test_the_best_tickets_are_those_that_were_tested_however_others_read(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    run = str(write_run(tmp_path / "run", evidence_table(bundle, who="Bo")))
    ticket("push", str(bundle), "bo/alone", *hub)
    ticket("push", str(bundle), "ann/tested", "--with-evidence", run, *hub)
    ran = ticket("best", "--dataset", "digits", *hub, "--format", "json")
    rows = json.loads(ran.stdout)
    with_controls = [bool(row["controls"]) for row in rows]
    assert with_controls == sorted(with_controls, reverse=True)
    assert (rows[0]["ticket"], rows[0]["controls"], rows[0]["by"]) == (
        "ann/tested:2",
        ["reinit"],
        "Bo",
    )
    assert rows[0]["accuracy"] < max(row["accuracy"] for row in rows)
    assert round(rows[0]["gain"], 6) == 0.1
    assert ticket("best", "-q", *hub).stdout.splitlines()[0] == "ann/tested:2"
    shown = ticket("best", *hub)
    assert "no controls" in shown.stdout
    assert f"ticket pull ann/tested:2 --hub {tmp_path / 'hub'}" in shown.stderr
    few = json.loads(ticket("best", "--density", "0.3", *hub, "--format", "json").stdout)
    assert {row["level"] for row in few} == {4}
    assert not json.loads(ticket("best", "--dataset", "mnist", *hub, "--format", "json").stdout)


def test_what_was_measured_is_pushed_found_and_sorted_by(
    ticket: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    hub = ("--hub", str(tmp_path / "hub"))
    ticket("push", str(bundle), "ann/unmeasured", *hub)
    for name, small in (("quick", 0.5), ("slow", 1.5)):
        copy = tmp_path / name
        shutil.copytree(bundle, copy)
        record = cost_record(copy)
        costs = [
            dataclasses.replace(each, milliseconds=small, low=small, high=small)
            if each.form == "small"
            else each
            for each in record.costs
        ]
        amend_bundle(copy, costs=[dataclasses.replace(record, costs=tuple(costs))])
        assert ticket("push", str(copy), f"ann/{name}", *hub).code == 0
    ran = ticket("search", "--sort", "speedup", *hub, "--format", "json")
    rows = json.loads(ran.stdout)
    assert [row["ticket"] for row in rows] == ["ann/quick", "ann/slow", "ann/unmeasured"]
    assert rows[0]["cost"]["speedup"] == 4.0
    assert rows[0]["cost"]["where"] == "Abacus, 1 thread, torch 2.13.0"
    assert rows[2]["cost"] is None
    assert ticket("search", "--max-ms", "1", *hub, "-q").stdout.split() == ["ann/quick"]
    assert not ticket("search", "--max-size", "10", *hub, "-q").stdout
    shown = ticket("search", *hub).stdout
    assert "small on Abacus, 1 thread, torch 2.13.0" in shown
    pulled = json.loads(ticket("pull", "ann/quick", *hub, "--format", "json").stdout)
    assert open_bundle(Path(pulled["folder"])).costs()
