"""What experiments with a bundle's tickets showed counts wherever its levels are looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.experiments import evidence_table, write_run
from ticket_hub import Query, Ticket, info_bundle, pull_bundle, push_bundle, search_hub
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.hub.folder import FolderHub
from ticket_hub.transfer.source import open_source

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"


def test_a_search_by_verdict_finds_what_an_experiment_on_the_same_data_showed(
    tmp_path: Path,
) -> None:
    hub = tmp_path / "hub"
    for data in ("", "fashion-mnist"):
        mine = Path(shutil.copytree(GOLDEN, tmp_path / f"bundle-{data}"))
        run = write_run(tmp_path / f"run-{data}", evidence_table(mine, data=data, dense=0.89))
        push_bundle(mine, f"ann/{data or 'same'}", hub=hub, evidence=[run])
    (found,) = search_hub(Query(verdict="winning"), hub=hub)
    assert (found.repo, found.retrained) == ("ann/same", (2,))
    (level,) = found.levels
    assert (level.index, level.verdict) == (2, "winning")
    assert found.best == pytest.approx(0.91)
    assert not list(search_hub(Query(verdict="winning", accuracy=(0.92, 1)), hub=hub))
    # By the search's own curves, as ever.
    (one, other) = search_hub(Query(verdict="losing"), hub=hub)
    assert [each.index for each in one.levels] == [each.index for each in other.levels] == [4]
    assert one.retrained == ()


def test_without_a_level_the_one_that_an_experiment_calls_winning_is_meant_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    hub, bundle = tmp_path / "hub", Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    before = open_bundle(bundle)
    assert (before.default.level, before.default.rule) == (2, "mean-within-margin")
    run = write_run(tmp_path / "run", evidence_table(bundle, level=3, dense=0.89))
    push_bundle(bundle, "ann/digits", hub=hub, evidence=[run])
    info = info_bundle("ann/digits", hub=hub)
    assert (info.default.level, info.default.rule) == (3, "experiment")
    # What the manifest says stays, for readers that know no other rule.
    assert info.manifest.default == before.manifest.default
    assert pull_bundle("ann/digits", hub=hub).levels == (3,)
    again = pull_bundle("ann/digits", hub=hub, local_files_only=True)
    assert (again.levels, again.fetched) == ((3,), ())
    assert Ticket.from_pretrained("ann/digits", hub=hub).level == 3
    source, levels = open_source("ann/digits", hub=hub)
    assert (levels, source.bundle.default.level) == ((3,), 3)
    card = (source.bundle.path / "README.md").read_text()
    assert "default ticket is level 3 of trial 0: the sparsest level that an experiment" in card
    assert "masks/0/3.safetensors" in card
    assert verify_bundle(bundle).holds


def test_an_experiment_that_loses_or_is_of_other_data_changes_no_default(tmp_path: Path) -> None:
    for number, (data, dense) in enumerate((("", 0.95), ("fashion-mnist", 0.89))):
        bundle = Path(shutil.copytree(GOLDEN, tmp_path / f"bundle-{number}"))
        table = evidence_table(bundle, level=3, data=data, dense=dense)
        run = write_run(tmp_path / f"run-{number}", table)
        push_bundle(bundle, "ann/digits", hub=tmp_path / f"hub-{number}", evidence=[run])
        snapshot = FolderHub(tmp_path / f"hub-{number}").snapshot("ann/digits")
        assert any(file.path.startswith("evidence/") for file in snapshot.files)
        assert open_bundle(bundle).default.level == 2
