"""What people see of results in Python and in notebooks: a few lines, a table, a data frame."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from matplotlib.figure import Figure

import ticket_hub
from ticket_hub.errors import EvidenceError, ExportError, RecipeError
from ticket_hub.showing import MAX_ROWS, Shown, View
from ticket_hub.table import Column, Table

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"
CHANGES = {
    "network.name": "lenet-5",
    "training.iterations": 20,
    "training.evaluate_every": 10,
    "search.levels": 6,
    "search.trials": 3,
}


def test_a_report_is_written_in_known_forms_alone_and_one_may_be_a_text(
    results: list[Any], tmp_path: Path
) -> None:
    run = results[0].run
    assert ticket_hub.report_run(run, tmp_path, "csv") == [tmp_path / "ladder.csv"]
    forms: Any = ["csv", "gif"]
    with pytest.raises(RecipeError, match="'gif'"):
        ticket_hub.report_run(run, tmp_path / "none", forms)
    assert not (tmp_path / "none").exists()


def test_one_name_is_taken_for_one_name_and_not_for_its_letters(
    results: list[Any], tmp_path: Path
) -> None:
    run = str(results[0].run)
    bounds = ticket_hub.compare(run).to_table()["runs"][0]["levels"][0]["differences"][0]
    assert all(
        (each["low"] is None) == (each["high"] is None)
        for each in (bounds["test_accuracy"], bounds["sooner"])
    )
    moved = ticket_hub.transfer_tickets(
        f"{run}:6", "digits", against=["reinit"], trials=1, run_folder=tmp_path / "moved", workers=1
    )
    assert (len(moved.matrix.cells), moved.matrix.data) == (1, ("digits",))
    looked = ticket_hub.analyze(f"{run}:6", only="density", folder=tmp_path / "looked")
    assert len(looked.of("density")) == 1
    assert repr(ticket_hub.compare(run)).startswith("<Compared: 1 run beside")
    controls: Any = "reinit,dense"
    with pytest.raises(RecipeError, match="no list of names"):
        ticket_hub.retrain(run, against=controls)


class Long(Shown):
    def _view(self) -> View:
        rows = [[place, place / 3] for place in range(40)]
        columns = [Column("place"), Column("<share>", show=".1%")]
        facts = {"one": 1, "two\nlines": "a <b>", "three": 3}
        return View(title="many", facts=facts, table=Table(columns, rows), code="go(on)")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """One of each kind."""
    folder = tmp_path_factory.mktemp("results")
    options: dict[str, Any] = {"workers": 1}
    found = ticket_hub.find("digits-quick", changes=CHANGES, run_folder=folder / "run", **options)
    place = f"{found.bundle}:6"
    shared: dict[str, Any] = {"against": ["reinit"], "trials": 3, **options}
    retrained = ticket_hub.retrain(place, run_folder=folder / "retrain", **shared)
    moved = ticket_hub.transfer_tickets([place], ["digits"], run_folder=folder / "moved", **shared)
    compared = ticket_hub.compare([str(found.run)])
    ticket = ticket_hub.Ticket.load(found.bundle)
    bundle = ticket_hub.open_bundle(found.bundle)
    return [found, retrained, moved, compared, ticket, bundle]


def test_every_result_is_printed_in_ten_lines_and_shown_as_a_table(results: list[Any]) -> None:
    for each in results:
        lines = repr(each).splitlines()
        assert 4 <= len(lines) <= 10
        assert lines[0].startswith(f"<{type(each).__name__}: ")
        assert max(map(len, lines)) <= 118
        assert "<table>" in each._repr_html_()
        assert "<code>" in each._repr_html_()


def test_a_long_table_shows_its_first_rows_and_its_last() -> None:
    lines = repr(Long()).splitlines()
    assert len(lines) == 10
    assert lines[2] == "  two lines a <b>"
    assert f"... {40 - MAX_ROWS} more" in lines[6]
    assert lines[-1].split() == ["39", "1300.0%"]


def test_what_is_shown_in_a_notebook_is_escaped() -> None:
    html = Long()._repr_html_()
    assert "a &lt;b&gt;" in html
    assert "&lt;share&gt;" in html


class Library(ModuleType):
    """What stands for pandas or polars: it takes rows, as both do."""

    DataFrame: Any = staticmethod(list)


@pytest.mark.parametrize("there", ["pandas", "polars"])
def test_a_data_frame_is_of_the_library_that_is_there(
    there: str, results: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, Library(name) if name == there else None)
    found, retrained, moved, *_ = results
    assert [row["index"] for row in found.to_dataframe()] == list(range(7))
    rows = retrained.to_dataframe()
    assert [row["network"] for row in rows] == ["ticket", "reinit"]
    assert 0 <= rows[0]["accuracy"] <= 1
    assert [row["data"] for row in moved.to_dataframe()] == ["digits"] * 2


def test_a_data_frame_is_one_of_pandas(results: list[Any]) -> None:
    pytest.importorskip("pandas", reason="needs pandas")
    frame = results[0].to_dataframe()
    assert list(frame.columns) == ["index", "density", "test_accuracy", "early_stop"]
    assert frame.density[0] == 1


def test_without_either_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ExportError, match="pandas or polars") as refused:
        Long().to_dataframe()
    assert "pip install pandas" in refused.value.remedy


def test_a_ticket_draws_its_mask_and_its_ladder() -> None:
    ticket = ticket_hub.Ticket.load(GOLDEN)
    mask = ticket.plot_mask()
    assert isinstance(mask, Figure)
    pictures = [axes.images[0].get_array() for axes in mask.axes if axes.images]
    pixels, first, _ = (picture for picture in pictures if picture is not None)
    assert pixels.shape == (8, 8)
    assert pixels.sum() == first.sum() == int(ticket.mask["hidden.0.weight"].sum())
    ladder = ticket.plot_ladder()
    assert len(ladder.axes) == 2


def test_a_ticket_says_of_every_layer_what_is_kept() -> None:
    ticket = ticket_hub.Ticket.load(GOLDEN)
    assert "hidden.0.weight" in ticket.summary()
    assert f"| {int(ticket.mask['output.weight'].sum())} |" in ticket.summary()


def test_a_ticket_from_nowhere_has_no_ladder() -> None:
    known = ticket_hub.Ticket.load(GOLDEN)
    alone = ticket_hub.Ticket(architecture=known.architecture, mask=known.mask, theta0=known.theta0)
    with pytest.raises(EvidenceError, match="not read from a bundle"):
        alone.plot_ladder()
    assert "data that are not known" in repr(alone)
