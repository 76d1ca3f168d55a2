from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ticket_hub
from ticket_hub.comparison import Compared, Measured, Study, StudyLevel, compare_studies
from ticket_hub.comparison.rows import ComparisonRow, csv_text, rows
from ticket_hub.comparison.tables import between_table, markdown, notes, runs_table
from ticket_hub.errors import EvidenceError, RecipeError, RunError, TicketNotFoundError
from ticket_hub.evidence import Outcome, judge, paired_difference
from ticket_hub.report.comparison import between_figure, comparison_page, write_page
from ticket_hub.report.style import PAPER
from ticket_hub.transfer.stored import read_experiment

SEARCH = {
    "network.name": "lenet-8",
    "training.iterations": 20,
    "training.evaluate_every": 5,
    "training.backend": "stack",
    "search.levels": 3,
    "search.trials": 3,
}
TERMS = {"data.name": "mnist", "data.fingerprint": "f", "training.iterations": 100, "trials": 3}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A search, and experiments with its tickets: as it is, with more trials, and longer."""
    place = tmp_path_factory.mktemp("compared")
    found = ticket_hub.find("digits-quick", changes=SEARCH, run_folder=place / "found", workers=1)
    source = f"{found.run}:2,3"
    against = ["reinit", "dense"]
    made = {"found": found.run}
    wanted: dict[str, dict[str, Any]] = {
        "short": {"trials": 3},
        "more": {"trials": 4},
        "other": {"trials": 3, "seed": 1},
        "longer": {"trials": 3, "changes": {"training.iterations": 30}},
    }
    for name, options in wanted.items():
        made[name] = ticket_hub.retrain(
            source, against=against, run_folder=place / name, workers=1, **options
        ).run
    return made


def measured(accuracy: list[float], orders: list[str] | None = None, at: float = 0.5) -> Measured:
    stops = tuple(1000 + 100 * place for place in range(len(accuracy)))
    names = orders or [f"f/60/{place}/0" for place in range(len(accuracy))]
    return Measured(
        level=1,
        density=at,
        outcome=Outcome(accuracy=tuple(accuracy), early_stop=stops),
        orders=tuple(names),
    )


def study(
    name: str, ticket: Measured, dense: Measured | None = None, terms: dict[str, Any] | None = None
) -> Study:
    found = None if dense is None else judge(ticket.outcome, {"dense": dense.outcome})
    return Study(
        name=name,
        kind="experiment",
        id=name,
        terms=TERMS if terms is None else terms,
        dense=dense,
        levels=(StudyLevel(level=1, networks={"ticket": ticket}, verdict=found),),
        about="lenet on mnist",
    )


HIGH, LOW = [0.98, 0.97, 0.99], [0.95, 0.96, 0.94]


def test_runs_of_the_same_orders_are_paired_order_by_order() -> None:
    turned = measured(LOW[::-1], ["f/60/2/0", "f/60/1/0", "f/60/0/0"])
    (found,) = compare_studies([study("a", measured(HIGH)), study("b", turned)]).between
    assert found.contrast.pairing == "data order"
    expected = paired_difference(LOW, HIGH)
    assert found.contrast.accuracy.mean == pytest.approx(expected.mean)
    assert found.contrast.accuracy.low == pytest.approx(expected.low)


def test_of_runs_with_other_numbers_of_trials_the_common_ones_are_paired() -> None:
    terms = {**TERMS, "trials": 4}
    more = study("b", measured([*LOW, 0.1]), terms=terms)
    compared = compare_studies([study("a", measured(HIGH)), more])
    assert compared.between[0].contrast.n == 3
    assert compared.between[0].contrast.accuracy.mean == pytest.approx(
        paired_difference(LOW, HIGH).mean
    )
    assert [(term.name, dict(term.values)) for term in compared.differing] == [
        ("trials", {"A": 3, "B": 4})
    ]


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        (["f/60/7/0", "f/60/8/0", "f/60/9/0"], "other data orders"),
        (["f/60/0/0", "f/60/1/0", "f/60/9/0"], "other data orders"),
        (["f/60/0/0", "f/60/0/0", "f/60/1/0"], "other data orders"),
        (["f/128/0/0", "f/128/1/0", "f/128/2/0"], "other data orders"),
        (["g/60/0/0", "g/60/1/0", "g/60/2/0"], "other data"),
    ],
)
def test_runs_of_other_orders_are_never_paired(orders: list[str], words: str) -> None:
    others = [study("a", measured(HIGH)), study("b", measured(LOW, orders))]
    (found,) = compare_studies(others).between
    assert (found.contrast.pairing, found.contrast.method) == ("none", "welch")
    assert found.reason == f"unpaired: {words}"


def test_levels_are_compared_at_one_density_only() -> None:
    near, far = measured(LOW, at=0.53), measured(LOW, at=0.7)
    assert len(compare_studies([study("a", measured(HIGH)), study("b", near)]).between) == 1
    assert compare_studies([study("a", measured(HIGH)), study("b", far)]).between == ()


def test_a_term_that_nobody_knows_is_no_agreement() -> None:
    unknown = {**TERMS, "data.name": None}
    both = [study(name, measured(HIGH), terms=unknown) for name in "ab"]
    compared = compare_studies(both)
    assert [term.name for term in compared.differing] == ["data.name"]
    assert any("A not known, B not known" in note for note in notes(compared))


def test_nothing_and_what_was_not_measured_are_refused() -> None:
    with pytest.raises(EvidenceError, match="nothing to compare"):
        compare_studies([])
    with pytest.raises(EvidenceError, match="no measurements"):
        compare_studies([replace(study("a", measured(HIGH)), levels=())])


def test_many_runs_have_labels_of_their_own() -> None:
    compared = compare_studies([study(str(number), measured(HIGH)) for number in range(30)])
    assert len(compared.studies) == 30
    assert list(compared.studies)[24:28] == ["Y", "Z", "AA", "AB"]


def test_a_search_and_an_experiment_with_its_tickets_share_no_orders(
    runs: dict[str, Path],
) -> None:
    compared = ticket_hub.compare([runs["found"], runs["short"]])
    assert compared.fair
    assert [study.kind for study in compared.studies.values()] == ["search", "experiment"]
    places = [(each.network, each.first_level, each.level) for each in compared.between]
    assert places == [("dense", 0, 0), ("ticket", 2, 2), ("ticket", 3, 3)]
    assert {each.contrast.method for each in compared.between} == {"welch"}


def test_experiments_of_one_seed_share_their_orders(runs: dict[str, Path]) -> None:
    compared = ticket_hub.compare([runs["short"], runs["more"], runs["other"]])
    pairings = {
        label: {each.contrast.pairing for each in compared.between if each.label == label}
        for label in "BC"
    }
    assert pairings == {"B": {"data order"}, "C": {"none"}}
    assert [term.name for term in compared.differing] == ["trials"]


def test_another_budget_is_shown(runs: dict[str, Path]) -> None:
    compared = ticket_hub.compare([runs["short"], runs["longer"]])
    assert [(term.name, term.values["B"]) for term in compared.differing] == [
        ("training.iterations", 30)
    ]
    assert any("training.iterations: A 20, B 30" in note for note in notes(compared))


def test_an_experiment_has_the_verdicts_that_it_was_given(runs: dict[str, Path]) -> None:
    stored = read_experiment(runs["short"])
    told = json.loads((runs["short"] / "evidence.json").read_bytes())
    (study,) = ticket_hub.compare([runs["short"]]).studies.values()
    for level, evidence, record in zip(study.levels, stored.levels, told["levels"], strict=True):
        assert level.verdict == evidence.verdict
        assert record["verdict"]["reason"] == evidence.verdict.reason


def test_all_runs_that_are_compared_are_one_family(runs: dict[str, Path]) -> None:
    alone, both = (ticket_hub.compare([runs[name] for name in names], margin=0.01)
                   for names in (["short"], ["short", "more"]))  # fmt: skip
    assert (alone.family, both.family) == (4, 8)
    first = [next(iter(each.studies.values())).levels[0].verdict for each in (alone, both)]
    assert [each.family for each in first if each] == [4, 8]
    assert any("margin 1 points, alpha 0.05, Holm's correction for 8" in x for x in notes(both))
    with pytest.raises(RecipeError, match="margin cannot be"):
        ticket_hub.compare([runs["short"]], margin=2)


def test_a_search_has_the_verdicts_of_its_bundle(runs: dict[str, Path]) -> None:
    bundle = ticket_hub.open_bundle(runs["found"] / "bundle")
    (study,) = ticket_hub.compare([runs["found"]]).studies.values()
    words = {level.level: level.verdict and level.verdict.word for level in study.levels}
    assert words == {each.index: each.verdict for each in bundle.levels if each.index}


@pytest.mark.parametrize(
    ("level", "expected"),
    [("", [1, 2, 3]), (":all", [1, 2, 3]), (":1,3", [1, 3]), (":d0.65", [2])],
)
def test_levels_are_named_behind_a_colon(
    level: str, expected: list[int], runs: dict[str, Path]
) -> None:
    (study,) = ticket_hub.compare([f"{runs['found']}{level}"]).studies.values()
    assert [each.level for each in study.levels] == expected
    assert study.dense is not None


@pytest.mark.parametrize("level", ["0", "9", "d0.01", "best"])
def test_a_level_that_was_not_measured_is_refused(level: str, runs: dict[str, Path]) -> None:
    with pytest.raises(TicketNotFoundError, match="has no measurements of level"):
        ticket_hub.compare([f"{runs['short']}:{level}"])


def test_what_is_no_level_is_refused(runs: dict[str, Path]) -> None:
    with pytest.raises(TicketNotFoundError, match="'dx' is no level"):
        ticket_hub.compare([f"{runs['short']}:dx"])


def test_an_experiment_that_is_not_finished_is_refused(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "experiment.json").write_bytes((runs["short"] / "experiment.json").read_bytes())
    with pytest.raises(EvidenceError, match="not finished"):
        ticket_hub.compare([tmp_path])
    (tmp_path / "evidence.json").write_text('{"format": 1, "request": {"levels": "x"}}')
    with pytest.raises(RunError, match="no experiment that can be read"):
        ticket_hub.compare([tmp_path])


def _keys(value: object, path: str = "") -> set[str]:
    """Every path of a JSON value; those of tables with open keys end there."""
    if isinstance(value, list):
        return set().union(*(_keys(item, f"{path}[]") for item in value))
    if isinstance(value, dict) and path.rpartition(".")[2] not in {"terms", "values", "networks"}:
        return set().union(*(_keys(item, f"{path}.{key}") for key, item in value.items()))
    return {path}


def _paths(prefix: str, names: str) -> set[str]:
    """`prefix.name` for each name; a `*` behind it stands for the bounds of an interval."""
    bounds = {"": [""], "*": [".mean", ".low", ".high"]}
    return {
        f"{prefix}.{name.rstrip('*')}{bound}"
        for name in names.split()
        for bound in bounds["*" * name.endswith("*")]
    }


NETWORK = "density n tickets test_accuracy* early_stop* trials[].test_accuracy trials[].early_stop"
LEVEL = ".runs[].levels[]"
SHAPE = (
    _paths("", "format fair margin alpha family differing[].term differing[].values")
    | _paths(".runs[]", "label name kind id about terms test_examples")
    | _paths(".runs[].dense", NETWORK)
    | _paths(LEVEL, "level density networks")
    | _paths(f"{LEVEL}.verdict", "word reason n tickets margin alpha family trials_needed")
    | _paths(f"{LEVEL}.differences[]", "control pairing method n holds worse identical")
    | _paths(f"{LEVEL}.differences[]", "p p_worse p_uncorrected p_worse_uncorrected")
    | _paths(f"{LEVEL}.differences[]", "test_accuracy* sooner*")
    | _paths(".between[]", "run network level first_level density first_density pairing reason")
    | _paths(".between[]", "method n first_n tickets first_tickets test_accuracy* sooner*")
)


def test_the_json_has_the_documented_shape(runs: dict[str, Path]) -> None:
    table = ticket_hub.compare([runs["found"], runs["longer"]]).to_table()
    assert table == json.loads(json.dumps(table, allow_nan=False))
    assert _keys(table) == SHAPE
    for level in table["runs"][1]["levels"]:
        assert list(level["networks"]) == ["ticket", "reinit"]
        for network in level["networks"].values():
            assert _keys(network) == _paths("", NETWORK)


def test_the_json_says_what_pairs_the_networks_of_a_run(runs: dict[str, Path]) -> None:
    for run, expected in zip(
        ticket_hub.compare([runs["found"], runs["short"]]).to_table()["runs"],
        ({"dense": "seed"}, {"reinit": "data order", "dense": "data order"}),
        strict=True,
    ):
        for level in run["levels"]:
            assert {each["control"]: each["pairing"] for each in level["differences"]} == expected


def test_one_trial_gives_null_for_what_is_not_known() -> None:
    alone = study("a", measured([0.9]), measured([0.95], at=1.0))
    table = compare_studies([alone]).to_table()
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    (level,) = table["runs"][0]["levels"]
    assert level["networks"]["ticket"]["test_accuracy"] == {"mean": 0.9, "low": None, "high": None}
    assert level["verdict"]["word"] is None


@pytest.fixture(scope="module")
def compared(runs: dict[str, Path]) -> Compared:
    return ticket_hub.compare([runs["short"], runs["more"]])


def test_the_csv_has_every_network_with_its_difference(compared: Compared) -> None:
    parsed = list(csv.DictReader(io.StringIO(csv_text(compared))))
    assert [row["network"] for row in parsed[:4]] == ["dense", "ticket", "reinit", "dense"]
    assert len(parsed) == len(rows(compared)) == 2 * (1 + 2 * 3)
    by_key = {(row.run, row.level, row.network): row for row in rows(compared)}
    reinit, ticket = by_key["A", 2, "reinit"], by_key["A", 2, "ticket"]
    assert reinit.gain == pytest.approx(ticket.accuracy - reinit.accuracy)
    assert (ticket.gain, ticket.first_gain) == (None, None)
    assert by_key["B", 2, "ticket"].first_method == "student-t"
    assert set(parsed[0]) == set(ComparisonRow.__dataclass_fields__)


def test_the_tables_have_n_intervals_and_verdicts(compared: Compared) -> None:
    table = runs_table(compared)
    assert {len(cells) for cells in table.rows} == {len(table.headings)}
    assert [cells[:2] for cells in table.rows] == [
        (label, level) for label in "AB" for level in ("0", "2", "3")
    ]
    assert {cells[3] for cells in table.rows} == {"3 tickets", "4 runs of 3 tickets"}
    assert all("±" in cells[4] for cells in table.rows)
    text = markdown(compared)
    assert "minus reinit" in text
    assert "95% intervals" in text
    assert "paired: the same examples in the same order" in text


def test_a_single_run_is_compared_with_nothing() -> None:
    compared = compare_studies([study("a", measured(HIGH), measured(LOW, at=1.0))])
    assert between_table(compared) is None
    assert compared.fair


def test_bounds_that_are_not_alike_are_shown_as_they_are() -> None:
    from ticket_hub.comparison.tables import interval_text
    from ticket_hub.evidence.contrasts import ContrastInterval

    assert interval_text(ContrastInterval(mean=0.98, low=0.97, high=0.99)) == "98.00 ±1.00"
    assert interval_text(ContrastInterval(mean=0.98, low=0.96, high=0.99)) == "98.00 +1.00 -2.00"
    assert interval_text(ContrastInterval(mean=0.98, low=-math.inf, high=math.inf)) == "98.00"


def test_comparing_needs_no_library_that_draws(runs: dict[str, Path]) -> None:
    code = (
        "import sys, ticket_hub; ticket_hub.compare(sys.argv[1:]).to_table(); "
        "sys.exit('matplotlib' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, runs["found"], runs["short"]], check=True)


def test_the_page_shows_every_run_and_asks_no_other_place_for_anything(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    compared = ticket_hub.compare([runs["found"], runs["short"]])
    write_page(compared, tmp_path / "new/page.html")
    text = (tmp_path / "new/page.html").read_text("utf-8")
    assert not re.search(r"<script|<link|<img|url\((?!#)|@import|(?:src|href)=\"(?!#)", text)
    for word in ("found", "short", "unpaired: other data orders", "minus reinit"):
        assert word in text
    titles = {"a search": 3, "an experiment": 2 + len(compared.studies["B"].levels)}
    assert text.count("<figure>") == 2 + sum(titles.values())
    assert text == comparison_page(compared)


def test_a_forest_of_runs_has_open_marks_where_nothing_is_paired(runs: dict[str, Path]) -> None:
    compared = ticket_hub.compare([runs["short"], runs["more"], runs["other"]])
    figure = between_figure(compared)
    (panel,) = figure.axes
    labels = [label.get_text() for label in panel.get_yticklabels()]
    assert len(labels) == 6
    faces = {
        label[0]: container.lines[0].get_markerfacecolor()  # type: ignore[attr-defined] # an ErrorbarContainer
        for label, container in zip(labels, panel.containers, strict=True)
    }
    assert faces["B"] != PAPER
    assert faces["C"] == PAPER
    note = figure.get_supxlabel().replace("\n", " ")
    assert "mean of pairs, n = 3 tickets" in note
    assert "open: unpaired means of n = 3 tickets and 3 tickets" in note


def test_a_run_without_curves_has_tables_and_no_ladder() -> None:
    compared = compare_studies([study("a", measured(HIGH), measured(LOW, at=1.0))])
    assert compared.studies["A"].ladder() is None
    text = comparison_page(compared)
    assert "<table>" in text
