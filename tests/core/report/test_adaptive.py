"""Figures whose colours follow the page that shows them."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.controlled import GOLDEN, controlled_bundle
from ticket_hub.bundle import open_bundle
from ticket_hub.comparison.ladder import MeasuredLadder
from ticket_hub.comparison.studies import judged_levels
from ticket_hub.report.figures import ladder_figure
from ticket_hub.report.forest import differences_figure
from ticket_hub.report.illustrate import ADAPTIVE_STYLE, adaptive_svg


def test_an_adaptive_figure_has_one_style_sheet_and_no_inline_style(ladder: MeasuredLadder) -> None:
    text = adaptive_svg(ladder_figure(ladder))
    assert text.count("<style>") == 1
    assert f"<style>{ADAPTIVE_STYLE}</style>" in text
    assert " style=" not in text
    assert 'fill="#ffffff"' not in text


def test_every_level_with_a_control_is_judged_as_the_bundle_says(tmp_path: Path) -> None:
    bundle = open_bundle(controlled_bundle(tmp_path / "bundle"))
    judged = judged_levels(bundle)
    assert [each.level for each in judged] == [each.index for each in bundle.levels if each.index]
    for each in judged:
        record = bundle.manifest.level(each.level)
        assert record is not None
        assert each.verdict is not None
        assert each.verdict.word == record.verdict
        assert {c.control for c in each.verdict.comparisons} == {"dense", "reinit"}
    (panel,) = differences_figure(judged).axes
    assert len(panel.get_yticks()) == 2 * len(judged)


def test_without_a_control_nothing_is_judged_by_one() -> None:
    assert judged_levels(open_bundle(GOLDEN)) == []
