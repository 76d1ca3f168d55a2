from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import ticket_hub
from ticket_hub.analysis import Finding, analyses, find_analysis
from ticket_hub.analysis.degrees.compute import measure_degrees
from ticket_hub.analysis.density.compute import measure_density
from ticket_hub.analysis.flops.compute import measure_flops
from ticket_hub.analysis.movement.compute import measure_movement
from ticket_hub.analysis.overlap.compute import measure_overlap
from ticket_hub.analysis.units.compute import measure_units
from ticket_hub.analysis.values.compute import measure_values
from ticket_hub.networks import initialize, outline
from ticket_hub.recipe import NetworkSpec
from ticket_hub.report.style import svg
from ticket_hub.types import Architecture

NAMES = [each.name for each in analyses()]


@pytest.fixture(scope="module")
def everything(found: Path, tmp_path_factory: pytest.TempPathFactory) -> ticket_hub.AnalyzeResult:
    folder = tmp_path_factory.mktemp("everything") / "out"
    changes = {"training.iterations": 60, "training.evaluate_every": 20}
    return ticket_hub.analyze(
        f"{found}:2,5", only=NAMES, changes=changes, folder=folder, trials=3, workers=1
    )


@pytest.fixture(scope="module")
def figures(everything: ticket_hub.AnalyzeResult) -> dict[str, Figure]:
    return {name: find_analysis(name).draw(everything.of(name)) for name in NAMES}


def _texts(figure: Figure) -> list[Any]:
    """Every text that is drawn outside of the panels, and the ticks inside their limits."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    found: list[Any] = [*figure.legends[0].get_texts(), figure.legends[0].get_title()]
    for panel in figure.axes:
        if panel.axison:
            found += [panel.xaxis.label, panel.yaxis.label, panel.title]
            for axis, limits in ((panel.xaxis, panel.get_xlim()), (panel.yaxis, panel.get_ylim())):
                low, high = sorted(limits)
                place = 0 if axis is panel.xaxis else 1
                found += [
                    label
                    for label in axis.get_ticklabels()
                    if low <= label.get_position()[place] <= high
                ]
    return [text for text in found if text.get_text()]


@pytest.mark.parametrize("name", NAMES)
def test_no_text_overlaps_another_or_leaves_the_figure(
    name: str, figures: dict[str, Figure]
) -> None:
    figure = figures[name]
    boxes = [text.get_window_extent() for text in _texts(figure)]
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


@pytest.mark.parametrize("name", NAMES)
def test_every_axis_has_a_name_and_the_figure_states_n(
    name: str, figures: dict[str, Figure], everything: ticket_hub.AnalyzeResult
) -> None:
    figure = figures[name]
    panels = [panel for panel in figure.axes if panel.axison]
    assert all(panel.get_xlabel() for panel in panels)
    assert panels[0].get_ylabel() or panels[0].get_yticklabels()
    assert "n = 3" in figure.legends[0].get_title().get_text()
    words = "\n".join(text.get_text() for text in _texts(figure))
    levels = [each for each in everything.of(name) if each.level]
    assert all(f"(level {each.level})" in words for each in levels)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_the_same_bytes_again(name: str, everything: ticket_hub.AnalyzeResult) -> None:
    findings = everything.of(name)
    assert svg(find_analysis(name).draw(findings)) == svg(find_analysis(name).draw(findings))


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_a_heading_and_a_form_for_every_cell(
    name: str, everything: ticket_hub.AnalyzeResult
) -> None:
    table = find_analysis(name).tabulate(everything.of(name))
    assert {len(row) for row in table.rows} == {len(table.columns)}
    read = list(csv.reader(io.StringIO(table.csv())))
    assert len(read) == 1 + len(table.rows) == 1 + len(table.texts())
    assert not any(word in text for row in table.texts() for text in row for word in ("nan", "inf"))


def test_bars_are_named_as_what_they_are(figures: dict[str, Figure]) -> None:
    def note(name: str) -> str:
        return figures[name].legends[0].get_title().get_text()

    assert "least to greatest" in note("density")
    assert "95% interval" in note("noise").replace("\n", " ")
    assert "95% interval" in note("interpolation").replace("\n", " ")


def test_extreme_tickets_can_be_shown() -> None:
    """One layer is empty and one is whole; there is one trial."""
    network = Architecture(name="lenet-6", channels=1, height=4, width=4, classes=3)
    layers = outline(network).layers
    mask = {
        layer.name: torch.full(layer.shape, fill_value=layer.kind == "output") for layer in layers
    }
    weights = initialize(network, NetworkSpec(name="lenet-6"), 0)
    results = {
        "density": measure_density(layers, [mask]),
        "overlap": measure_overlap({"trial 0": mask}),
        "units": measure_units(network, [mask]),
        "degrees": measure_degrees(network, [mask]),
        "flops": measure_flops(network, [mask]),
        "values": measure_values([weights], [mask]),
        "movement": measure_movement([weights], [weights], [mask], iterations=1, source="search"),
    }
    assert results["density"].near_collapse == ("hidden.0.weight",)  # type: ignore[attr-defined]
    for name, result in results.items():
        finding = Finding(
            analysis=name, level=3, density=0.2, identity={}, environment={}, result=result
        )
        analysis = find_analysis(name)
        assert "<svg" in svg(analysis.draw([finding]))
        assert analysis.describe(result)
        assert analysis.tabulate([finding]).csv()
