"""The leaderboard: tickets beside each other, by the rules of `ticket best`; and what they cost."""

from __future__ import annotations

import itertools
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.helpers.controlled import controlled_bundle
from tests.helpers.costs import cost_record
from tests.helpers.experiments import evidence_table, write_run
from ticket_hub import best_tickets, push_bundle
from ticket_hub.bundle import amend_bundle
from ticket_hub_api.background import RunningHub

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
Call = Callable[..., Any]


class Pushed(NamedTuple):
    """Copies of one bundle: as it is, tested by others at level 2, measured there; and one whose
    controls stand in its own curves.
    """

    alone: str
    tested: str
    measured: str
    own: str


@pytest.fixture(scope="module")
def pushed(hub: RunningHub, owner: str, tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    folder, mark = tmp_path_factory.mktemp("leaderboard"), uuid.uuid4().hex[:8]
    names = Pushed(*(f"{owner}/{kind}-{mark}" for kind in Pushed._fields))
    alone, measured = (Path(shutil.copytree(GOLDEN, folder / name)) for name in ("a", "m"))
    run = write_run(folder / "run", evidence_table(alone, who="Bo"))
    costs = [cost_record(measured), cost_record(measured, device="Colossus")]
    amend_bundle(measured, costs=costs)
    own = controlled_bundle(folder / "own")
    for name, bundle, evidence in (
        (names.own, own, []),
        (names.alone, alone, []),
        (names.measured, measured, []),
        (names.tested, alone, [run]),
    ):
        push_bundle(bundle, name, hub=hub.endpoint, token=hub.token, evidence=evidence)
    return names


def board(call: Call, query: str = "", names: Pushed | None = None) -> list[dict[str, Any]]:
    answer = call("GET", f"/api/v1/leaderboard?limit=100{query}")
    assert answer.status == 200, answer.json
    items: list[dict[str, Any]] = answer.json["items"]
    return [each for each in items if names is None or each["repo"] in names]


def test_entries_without_controls_have_no_place_whatever_they_read(
    pushed: Pushed, call: Call
) -> None:
    rows = board(call, "&dataset=digits")
    beside = [bool(row["controls"]) for row in rows]
    assert beside == sorted(beside, reverse=True)
    assert [row["place"] for row in rows if row["controls"]] == list(range(1, sum(beside) + 1))
    assert not any(row["place"] or row["front"] for row in rows if not row["controls"])
    (tested,) = [row for row in rows if row["repo"] == pushed.tested and row["controls"]]
    assert (tested["ticket"], tested["by"]) == (f"{pushed.tested}:2", "Bo")
    assert tested["controls"] == ["reinit"]
    assert tested["gain"] == pytest.approx(0.1)
    assert tested["n"] == tested["tickets"]
    assert tested["value"] < max(row["value"] for row in rows if not row["controls"])


def test_the_service_and_the_command_say_the_same(
    hub: RunningHub, pushed: Pushed, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    found = best_tickets(dataset="digits", hub=hub.endpoint, token=hub.token, limit=None)
    by_command = {
        each.ticket: (round(each.value, 9), each.n, each.controls, each.verdict)
        for each in found
        if each.ticket.partition(":")[0] in pushed
    }
    by_service = {
        row["ticket"]: (round(row["value"], 9), row["n"], tuple(row["controls"]), row["verdict"])
        for row in board(call, "&dataset=digits", pushed)
    }
    assert by_service == by_command
    own = [row for row in board(call, "&tested=true", pushed) if row["repo"] == pushed.own]
    assert own
    assert all(row["controls"] == ["reinit"] and row["place"] and row["verdict"] for row in own)


def test_tickets_on_different_data_have_no_order_among_each_other(
    hub: RunningHub, owner: str, call: Call, tmp_path: Path
) -> None:
    repo = f"{owner}/elsewhere-{uuid.uuid4().hex[:8]}"
    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    run = write_run(tmp_path / "run", evidence_table(bundle, data="fashion-mnist"))
    push_bundle(bundle, repo, hub=hub.endpoint, token=hub.token, evidence=[run])
    rows = board(call)
    places: dict[str, list[int]] = {}
    for row in rows:
        places.setdefault(row["dataset"], []).append(row["place"] or 0)
    assert {"digits", "fashion-mnist"} <= set(places)
    assert all(found[0] <= 1 for found in places.values())
    groups = [row["dataset"] for row in rows]
    assert len(places) == 1 + sum(a != b for a, b in itertools.pairwise(groups))
    few = call("GET", "/api/v1/leaderboard?limit=2").json["items"]
    assert len({row["dataset"] for row in few}) == 2


def test_everything_can_be_narrowed(pushed: Pushed, call: Call) -> None:
    assert board(call, "&dataset=nothing") == []
    assert board(call, "&network=resnet-20") == []
    assert board(call, "&metric=RMSE") == []
    assert all(row["controls"] for row in board(call, "&tested=true"))
    band = board(call, "&density_min=0.3&density_max=0.6", pushed)
    assert band
    assert all(0.3 <= row["density"] <= 0.6 for row in band)
    assert call("GET", "/api/v1/leaderboard?density_max=2").status == 422


def test_what_was_measured_is_on_the_leaderboard_in_lists_and_with_the_ticket(
    pushed: Pushed, call: Call
) -> None:
    (row,) = [each for each in board(call, "", pushed) if each["cost"]]
    assert (row["ticket"], row["cost"]["form"]) == (f"{pushed.measured}:2", "small")
    assert row["cost"]["speedup"] == 4.0
    assert row["cost"]["where"].endswith("1 thread, torch 2.13.0")
    costs = call("GET", f"/api/v1/tickets/{pushed.measured}").json["description"]["costs"]
    assert sorted(each["machine"]["device"] for each in costs) == ["Abacus", "Colossus"]
    found = call("GET", "/api/v1/tickets?max_ms=1&sort=speedup&limit=100").json["items"]
    assert pushed.measured in {each["repo"] for each in found}
    assert all(each["cost"]["milliseconds"] <= 1 for each in found)
    assert pushed.measured not in {
        each["repo"] for each in call("GET", "/api/v1/tickets?max_size=10").json["items"]
    }


@pytest.mark.parametrize("sort", ["size", "speedup"])
def test_a_list_by_cost_goes_on_over_pages_and_ends_with_what_nobody_measured(
    pushed: Pushed, call: Call, sort: str
) -> None:
    assert pushed
    query = f"/api/v1/tickets?sort={sort}&descending={str(sort == 'speedup').lower()}"
    whole = [each["id"] for each in call("GET", f"{query}&limit=100").json["items"]]
    turned, cursor = [], ""
    for _ in range(len(whole)):
        page = call("GET", f"{query}&limit=1&cursor={cursor}").json
        turned += page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert [each["id"] for each in turned] == whole
    measured = [each["cost"] is not None for each in turned]
    assert measured == sorted(measured, reverse=True)
