"""What experiments with a bundle's tickets showed counts wherever its levels are looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.experiments import evidence_table, write_run
from ticket_hub import Query, push_bundle, search_hub

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
