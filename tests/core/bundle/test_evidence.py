from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_hub.bundle import (
    BundleContent,
    open_bundle,
    verify_bundle,
    write_bundle,
)
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.errors import BundleFormatError

Contents = Callable[..., BundleContent]


def test_a_level_is_summed_up_by_mean_and_range_at_the_early_stop(bundle: Path) -> None:
    evidence = open_bundle(bundle).evidence(1)
    assert evidence is not None
    records = [each for each in open_bundle(bundle).curves() if each.level == 1]
    readings = [float(each.curves.test_accuracy[2]) for each in records]
    assert evidence.n == 2
    assert evidence.test_accuracy.mean == pytest.approx(sum(readings) / 2)
    assert (evidence.test_accuracy.min, evidence.test_accuracy.max) == (
        min(readings),
        max(readings),
    )
    assert (evidence.early_stop.mean, evidence.backends) == (40, ("plain",))


def test_with_two_trials_there_is_no_verdict_and_the_default_says_so(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    assert {level.verdict for level in manifest.levels} == {None}
    assert (manifest.default.level, manifest.default.rule) == (2, "mean-within-margin")


def test_best_is_the_sparsest_level_that_the_evidence_calls_matching(
    tmp_path: Path, contents: Contents
) -> None:
    write_bundle(tmp_path, contents(trials=5))
    opened = open_bundle(tmp_path)
    assert [level.verdict for level in opened.levels] == [None, "matching", "matching", "losing"]
    assert (opened.manifest.default.level, opened.manifest.default.rule) == (2, "verdict")
    assert opened.ticket("best").level == 2


def test_a_ticket_that_also_beats_its_reinitialization_is_winning(
    tmp_path: Path, contents: Contents
) -> None:
    content = contents(trials=5)
    worse = contents(trials=5, accuracies=(0.8,))
    controls = tuple(
        CurveRecord(control="reinit", level=2, trial=trial, backend="stack", curves=curves)
        for trial, curves in enumerate(worse.levels[3].curves)
    )
    write_bundle(tmp_path, dataclasses.replace(content, controls=controls))
    opened = open_bundle(tmp_path)
    assert opened.levels[2].verdict == "winning"
    assert [each.backend for each in opened.curves() if each.control == "reinit"] == ["stack"] * 5
    assert verify_bundle(tmp_path).holds


@pytest.mark.parametrize(
    ("control", "level", "trials", "times"),
    [("ticket", 1, 2, 1), ("reinit", 9, 2, 1), ("reinit", 1, 1, 1), ("reinit", 1, 2, 2)],
)
def test_controls_that_belong_to_nothing_are_refused(
    tmp_path: Path, contents: Contents, control: str, level: int, trials: int, times: int
) -> None:
    content = contents()
    records = tuple(
        CurveRecord(control=control, level=level, trial=trial, backend="plain", curves=curves)
        for trial, curves in enumerate(content.levels[1].curves[:trials])
    )
    with pytest.raises(BundleFormatError, match="control"):
        write_bundle(tmp_path, dataclasses.replace(content, controls=records * times))


def test_where_no_level_comes_near_the_dense_network_the_densest_is_meant(
    tmp_path: Path, contents: Contents
) -> None:
    content = contents(accuracies=(0.9, 0.5, 0.4, 0.3))
    write_bundle(tmp_path, content, theta0="survivors")
    default = open_bundle(tmp_path).manifest.default
    assert (default.level, default.rule) == (1, "densest")


def test_without_a_dense_network_the_sparsest_level_is_meant(
    tmp_path: Path, content: BundleContent
) -> None:
    write_bundle(tmp_path, content.only(1, 2, 3))
    default = open_bundle(tmp_path).manifest.default
    assert (default.level, default.rule) == (3, "sparsest")


def test_evidence_of_the_dense_level_stays_with_survivors(
    tmp_path: Path, content: BundleContent
) -> None:
    write_bundle(tmp_path, content, theta0="survivors")
    assert open_bundle(tmp_path).evidence(0) is not None
    assert verify_bundle(tmp_path).holds
