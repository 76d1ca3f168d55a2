"""Several tickets on several data sets, as one run."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ticket_hub
from tests.helpers.killing import kill_ticket_when
from tests.helpers.runs import files
from ticket_hub.errors import (
    DataError,
    NetworkError,
    RecipeError,
    RunError,
    StoppedError,
    TicketNotFoundError,
)
from ticket_hub.runs import Resources
from ticket_hub.training import Progress
from ticket_hub.transfer import TransferResult, read_matrix, retrain, transfer_tickets
from ticket_hub.transfer.planning import plan
from ticket_hub.transfer.retraining import train
from ticket_hub.transfer.terms import Terms
from ticket_hub.transfer.transfer_plan import plan_transfer

TRAINING = {
    "training.iterations": 30,
    "training.batch_size": 20,
    "training.evaluate_every": 10,
}
CONTROLS = ["reinit", "random", "dense"]


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two searches from the same theta0 whose masks differ, as they were trained differently."""
    runs = []
    for name, iterations in (("short", 40), ("long", 80)):
        changes = {
            "network.name": "lenet-12",
            "training.iterations": iterations,
            "training.evaluate_every": 20,
            "training.backend": "stack",
            "search.levels": 2,
            "search.trials": 3,
        }
        run = tmp_path_factory.mktemp("searches") / name
        runs.append(str(ticket_hub.find("digits-quick", changes=changes, run_folder=run).run))
    return runs


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of grey images of three classes, each with its own bright stripe."""
    noise = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("stripes")
    for part, count in (("train", 40), ("test", 20)):
        for label in range(3):
            (root / part / str(label)).mkdir(parents=True)
            for number in range(count):
                pixels = noise.integers(0, 160, (8, 8), dtype=np.uint8)
                pixels[:, 2 * label] += 90
                Image.fromarray(pixels).save(root / part / str(label) / f"{number}.png")
    return f"folder:{root}"


def changes(stripes: str) -> dict[str, Any]:
    return TRAINING | {f"{stripes}:data.validation": 30}


def transfer(
    tickets: Sequence[str],
    stripes: str,
    place: Path,
    **given: Any,  # noqa: ANN401 - as transfer_tickets takes them
) -> TransferResult:
    settings: dict[str, Any] = {
        "levels": "1,2",
        "against": CONTROLS,
        "trials": 3,
        "changes": changes(stripes),
        "workers": 1,
        "run_folder": place,
    }
    return transfer_tickets(tickets, ["digits", stripes], **settings | given)


def test_a_folder_is_called_by_its_recipe_where_that_tells_it_from_the_others(
    tickets: list[str],
) -> None:
    (cell,) = plan_transfer(tickets[:1], ["digits"], levels="1").cells
    assert cell.ticket == "digits-quick"


def test_every_ticket_and_level_meets_every_data_set(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    result = transfer(tickets, stripes, tmp_path / "run", who="Ada")
    matrix = result.matrix
    assert matrix.tickets == ("short", "long")
    assert matrix.data == ("digits", stripes)
    found = [[(c.ticket, c.level, c.data) for c in line] for line in matrix.lines()]
    assert found == [
        [(name, level, "digits"), (name, level, stripes)]
        for name in ("short", "long")
        for level in (1, 2)
    ]
    for cell in matrix.cells:
        assert [row.network for row in cell.rows] == ["ticket", *CONTROLS]
        assert {row.n for row in cell.rows} == {cell.n} == {3}
        assert cell.verdict is not None
        assert cell.head == ("keep" if cell.data == "digits" else "reset")
        assert (result.run / cell.run / "evidence.json").exists()
    record = json.loads((result.run / "matrix.json").read_bytes())
    assert record["who"] == "Ada"
    assert record["tickets"]["long"]["found_on"] == "digits"
    assert record["request"] == {"controls": CONTROLS, "trials": 3}


def test_what_is_written_is_read_back_and_has_every_number(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    result = transfer(tickets[:1], stripes, tmp_path / "run", trials=1)
    assert read_matrix(result.run) == result.matrix
    assert result.matrix.cells[0].rows[0].accuracy_low is None
    with (result.run / "matrix.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 2 * 2 * 4
    assert {line["found_on"] for line in lines} == {"digits"}
    text = (result.run / "matrix.md").read_text()
    assert text.startswith("| ticket | level | data set |")
    assert "minus random (points)" in text


def test_a_cell_is_the_experiment_that_retrain_makes(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    result = transfer(tickets, stripes, tmp_path / "run", levels="2")
    alone = retrain(
        f"{tickets[1]}:2",
        dataset="digits",
        against=CONTROLS,
        trials=3,
        changes=TRAINING,
        workers=1,
        run_folder=tmp_path / "alone",
    )
    cell = next(c for c in result.matrix.cells if (c.ticket, c.data) == ("long", "digits"))
    found, expected = files(result.run / cell.run), files(alone.run)
    judged = [
        dict(json.loads((run / "evidence.json").read_bytes()))
        for run in (result.run / cell.run, alone.run)
    ]
    assert (len(judged[0]["rule"].pop("beside")), judged[1]["rule"].pop("beside")) == (9, [])
    for table, family in zip(judged, (12, 3), strict=True):
        (level,) = table["levels"]
        assert level.pop("verdict")["family"] == family
    assert judged[0] == judged[1]
    for each in (found, expected):
        del each["evidence.json"], each["comparisons.csv"], each["comparisons.md"]
    assert found == expected


def test_networks_that_are_the_same_are_trained_once(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    seen: Counter[str] = Counter()

    def note(progress: Progress) -> None:
        if progress.iteration == progress.iterations:
            seen[progress.member.rpartition("/")[2]] += 1  # without the level

    result = transfer(tickets, stripes, tmp_path / "run", levels="2", observe=note)
    assert {name: seen[f"{name}-0"] for name in ("ticket", *CONTROLS)} == {
        "ticket": 4,  # two tickets on two data sets
        "reinit": 4,  # under two masks
        "random": 4,  # places drawn anew for each mask
        "dense": 2,  # of one theta0
    }
    assert len({cell.run for cell in result.matrix.cells}) == 4


def test_tickets_train_as_one_population_on_each_data_set(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    seen: list[str] = []  # the cell of each reading
    transfer(
        tickets,
        stripes,
        tmp_path / "run",
        levels="2",
        observe=lambda progress: seen.append(progress.member.rsplit("/", 2)[0]),
    )
    digits, others = ({cell for cell in seen if word in cell} for word in ("digits", "stripes"))
    assert digits == {"short on digits", "long on digits"}
    assert len(others) == 2
    for one, other in (sorted(digits), sorted(others)):
        assert seen.index(one) < len(seen) - seen[::-1].index(other)
        assert seen.index(other) < len(seen) - seen[::-1].index(one)
    assert max(map(seen.index, digits)) < min(map(seen.index, others))


def test_levels_that_go_on_in_one_folder_wait_for_each_other(
    tickets: list[str], tmp_path: Path
) -> None:
    terms = Terms(against=("reinit",), trials=1, changes=TRAINING)
    plans = [plan(f"{place}:{level}", terms) for place in tickets for level in (1, 2)]
    folders = [tmp_path / name for name in ("short", "short", "long", "long")]
    results = train([*zip(plans, folders, strict=True)], Resources(workers=1), names="abcd")
    assert [{each.level for each in some} for some in results] == [{1}, {2}, {1}, {2}]
    assert len([*(tmp_path / "long/results").rglob("*.json")]) == 4


def test_the_same_call_reads_what_is_there(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    first = transfer(tickets, stripes, tmp_path / "run", levels="1")
    before = files(first.run)
    seen: list[bool] = []
    transfer(
        tickets,
        stripes,
        tmp_path / "run",
        levels="1",
        on_result=lambda result: seen.append(result.resumed),
        data_dir=tmp_path / "no data are needed",
    )
    assert files(first.run) == before
    assert seen == [True] * 4 * 12


def test_more_tickets_data_sets_and_levels_go_on_in_a_named_folder(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    place = tmp_path / "run"
    transfer_tickets(
        [f"{tickets[1]}:1"],
        ["digits"],
        against=CONTROLS,
        trials=2,
        changes=TRAINING,
        workers=1,
        run_folder=place,
    )
    fresh: list[bool] = []
    transfer(tickets, stripes, place, on_result=lambda result: fresh.append(not result.resumed))
    assert sum(fresh) == 4 * 21 - 8
    whole = transfer(tickets, stripes, tmp_path / "whole")
    assert read_matrix(place) == whole.matrix


@pytest.mark.parametrize(
    "readings",
    [pytest.param(1, marks=pytest.mark.slow), 40, pytest.param(150, marks=pytest.mark.slow)],
)
def test_a_transfer_that_was_stopped_ends_with_the_same_files(
    readings: int, tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    seen: list[object] = []
    with pytest.raises(StoppedError):
        transfer(
            tickets,
            stripes,
            tmp_path / "stopped",
            levels="1",
            observe=seen.append,
            should_stop=lambda: len(seen) >= readings,
        )
    assert not (tmp_path / "stopped/matrix.json").exists()
    again = transfer(tickets, stripes, tmp_path / "stopped", levels="1")
    whole = transfer(tickets, stripes, tmp_path / "whole", levels="1")
    assert files(again.run) == files(whole.run)


def test_a_transfer_killed_between_cells_and_in_them_ends_with_the_same_files(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    settings = [f"--set={key}={value}" for key, value in changes(stripes).items()]
    arguments = [*tickets, "--datasets", f"digits,{stripes}", "--levels=2", *settings]
    arguments += ["--against=reinit,finetune,dense", "--trials=3", "--workers=1"]
    run = tmp_path / "killed"
    for pattern in (
        "cells/*/environment.json",
        "cells/*digits*/dense/1/seal.json",
        "cells/*digits*/results/002/reinit-1.json",
        "cells/*digits*/evidence.json",
        "cells/*stripes*/results/000/dense-0.json",
    ):
        kill_ticket_when(
            lambda pattern=pattern: list(run.glob(pattern)),  # type: ignore[misc]
            ["transfer", *arguments, "--out", str(run)],
        )
    against = ["reinit", "finetune", "dense"]
    again = transfer(tickets, stripes, run, levels="2", against=against)
    whole = transfer(tickets, stripes, tmp_path / "whole", levels="2", against=against)
    assert files(again.run) == files(whole.run)


def test_tickets_have_short_names_that_differ(tickets: list[str], stripes: str) -> None:
    found = plan_transfer([f"{tickets[0]}/bundle:1", tickets[1]], ["digits"], levels="2")
    assert [cell.ticket for cell in found.cells] == ["short", "long"]
    assert [cell.plan.request.levels for cell in found.cells] == [(1,), (2,)]


def test_the_folder_is_named_by_what_is_done(tickets: list[str]) -> None:
    one, more, other = (
        plan_transfer(tickets, names, levels=level).run_folder.name
        for names, level in ((["digits"], "1"), (["digits"], "1,2"), (["digits", "mnist"], "1"))
    )
    assert one == more != other
    assert one.startswith("transfer-")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"against": ["renit"]}, "'reinit'"),
        ({"trials": 0}, "at least three"),
        ({"changes": {"mnist:training.lr": 1.0}}, "none of the data sets"),
        ({"changes": {"digits:network.name": "x"}}, "network and mask are given"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    arguments: dict[str, Any], words: str, tickets: list[str], tmp_path: Path
) -> None:
    with pytest.raises(RecipeError) as caught:
        transfer_tickets(tickets, ["digits"], run_folder=tmp_path / "run", **arguments)
    assert words in f"{caught.value.problem} {caught.value.remedy}"
    assert not (tmp_path / "run").exists()


def test_what_is_cheap_to_refuse_is_refused_before_a_ticket_is_looked_for(tmp_path: Path) -> None:
    for arguments in ({"own": {"mnist": "any"}}, {"changes": {"mnist:training.lr": 1.0}}):
        with pytest.raises(RecipeError, match="none of the data sets"):
            transfer_tickets([tmp_path / "nowhere"], ["digits"], **arguments)
    with pytest.raises(TicketNotFoundError):
        transfer_tickets([tmp_path / "nowhere"], ["digits"])


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"changes": TRAINING}, DataError, "validation"),
        ({"head": "keep"}, NetworkError, "cannot be kept"),
        ({"images": "keep", "levels": "1"}, None, ""),
    ],
)
def test_what_one_cell_would_refuse_is_refused_before_another_is_trained(
    arguments: dict[str, Any],
    kind: type[Exception] | None,
    words: str,
    tickets: list[str],
    stripes: str,
    tmp_path: Path,
) -> None:
    if kind is None:
        transfer(tickets[:1], stripes, tmp_path / "run", trials=1, **arguments)
        return
    seen: list[object] = []
    with pytest.raises(kind, match=words):
        transfer(tickets, stripes, tmp_path / "run", observe=seen.append, **arguments)
    assert not seen


def test_nothing_and_the_same_bundle_twice_are_refused(tickets: list[str]) -> None:
    for nothing in ([], [None], ["digits", None]):
        with pytest.raises(RecipeError, match="nothing to transfer"):
            transfer_tickets(tickets, nothing)
    with pytest.raises(RecipeError, match="named twice"):
        transfer_tickets([f"{tickets[0]}:1", f"{tickets[0]}:2"], ["digits"])


def test_the_folder_of_something_else_is_refused(tickets: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("dear to me")
    for folder in (tmp_path, Path(tickets[0])):
        with pytest.raises(RunError, match="no transfer"):
            transfer_tickets(tickets, ["digits"], run_folder=folder)


def test_a_damaged_matrix_is_told_with_the_way_to_mend_it(
    tickets: list[str], stripes: str, tmp_path: Path
) -> None:
    result = transfer(tickets[:1], stripes, tmp_path / "run", levels="1", trials=1)
    path = result.run / "matrix.json"
    path.write_text(path.read_text().replace('"level"', '"lvl"'))
    with pytest.raises(RunError, match=r"matrix\.json is damaged"):
        read_matrix(result.run)
