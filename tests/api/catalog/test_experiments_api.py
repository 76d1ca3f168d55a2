"""Results over all tickets, the transfer matrix, and evidence that was made elsewhere."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlencode

import pytest

from ticket_hub.hub import connect, push
from ticket_hub.types import Word
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.store.database import Database

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
API = "/api/v1/experiments"
Call = Callable[..., Any]
Table = dict[str, Any]


@pytest.fixture
def ticket(hub: RunningHub, owner: str) -> str:
    """A fresh copy of the golden ticket."""
    repo = f"{owner}/tried-{uuid.uuid4().hex[:8]}"
    push(connect(hub.endpoint, token=hub.token), GOLDEN, repo)
    return repo


def test_evidence_made_elsewhere_is_kept_with_its_sender(
    hub: RunningHub, ticket: str, evidence: Table, call: Call
) -> None:
    database = Database(hub.settings.database_url)
    name = f"sender-{uuid.uuid4().hex[:6]}"
    accounts.add_user(database, name)
    secret = tokens.create_token(database, name, scope="write").secret
    database.close()
    body = {"ticket": ticket, "evidence": evidence}
    sent = call("POST", API, body, token=secret)
    assert (sent.status, sent.json["sender"]) == (201, name)
    assert call("POST", API, body).status == 200
    (three, two) = sorted(
        call("GET", f"{API}?ticket={ticket}&origin=upload").json["items"],
        key=lambda item: -item["level"],
    )
    stated = {level["level"]: level for level in evidence["levels"]}
    for item in (two, three):
        level = stated[item["level"]]
        means = level["networks"]["ticket"]["test_accuracy"]
        assert item["accuracy"] == pytest.approx(means["mean"])
        assert (item["low"], item["high"]) == pytest.approx((means["low"], means["high"]))
        assert item["verdict"] == level["verdict"]["word"]
        assert item["density"] == pytest.approx(level["density"])
        (dense,) = [c for c in level["verdict"]["comparisons"] if c["control"] == "dense"]
        assert item["gain"] == pytest.approx(dense["difference"]["mean"])
        assert (item["n"], item["sender"], item["dataset"]) == (3, name, "digits")
    one = call("GET", f"{API}/{sent.json['id']}").json
    assert one["record"]["who"] == "Ada"
    assert one["record"]["levels"][0]["trials"]["ticket"][0]["ticket"]


def test_a_list_names_the_best_verdict_of_experiments_and_finds_tickets_by_it(
    ticket: str, evidence: Table, call: Call
) -> None:
    def listed(**asked: str) -> Table | None:
        asked["text"] = ticket.partition("/")[2]
        (item,) = call("GET", "/api/v1/tickets?" + urlencode(asked)).json["items"] or (None,)
        return item

    plain = listed() or {}
    assert call("POST", API, {"ticket": ticket, "evidence": evidence}).status == 201
    own = listed() or {}
    words = {level["level"]: level["verdict"]["word"] for level in evidence["levels"]}
    best = min(words.values(), key=tuple(get_args(Word)).index)
    level = max(each for each, word in words.items() if word == best)
    assert (own["retrained"]["level"], own["retrained"]["verdict"]) == (level, best)
    assert own["verdict"] == plain["verdict"]
    assert plain["retrained"] is None
    for word in set(words.values()):
        assert (listed(verdict=word) or {})["fitting"]["verdict"] == word
        assert listed(verdict=word, density_min="0.99") is None


def test_the_same_evidence_about_two_copies_is_answered_with_the_one_that_was_meant(
    hub: RunningHub, ticket: str, owner: str, evidence: Table, call: Call
) -> None:
    copies = [f"{owner}/{letter}-{uuid.uuid4().hex[:8]}" for letter in "az"]
    for repo in copies:
        push(connect(hub.endpoint, token=hub.token), GOLDEN, repo)
    for status in (201, 200):
        for repo in (ticket, *copies):
            answer = call("POST", API, {"ticket": repo, "evidence": evidence})
            assert (answer.status, answer.json["ticket"]) == (status, repo)


def test_only_its_sender_or_an_owner_removes_evidence(
    ticket: str, evidence: Table, call: Call, stranger: Callable[[str], str]
) -> None:
    sender = stranger("write")
    sent = call("POST", API, {"ticket": ticket, "evidence": evidence}, token=sender).json
    address = f"{API}/{sent['id']}"
    assert call("DELETE", address, token=stranger("write")).status == 403
    assert call("DELETE", address, token=sender).status == 204
    assert call("GET", f"{API}?ticket={ticket}&origin=upload").json["items"] == []


def change(table: Table, path: str, value: object) -> Table:
    """A copy with one value changed."""
    changed = copy.deepcopy(table)
    part: Any = changed
    *parents, last = path.split("/")
    for name in parents:
        part = part[int(name)] if isinstance(part, list) else part[name]
    if isinstance(part, list):
        part[int(last)] = value
    else:
        part[last] = value
    return changed


def test_other_results_of_the_same_networks_are_refused_to_their_sender_until_one_is_removed(
    ticket: str, evidence: Table, call: Call, stranger: Callable[[str], str]
) -> None:
    place = "levels/0/networks/reinit/trials/1/test_accuracy"
    altered = {"ticket": ticket, "evidence": change(evidence, place, 0.5)}
    first = call("POST", API, {"ticket": ticket, "evidence": evidence})
    refused = call("POST", API, altered)
    assert (first.status, refused.status) == (201, 422)
    level = evidence["levels"][0]["level"]
    assert f"test accuracy of reinit of level {level}, trial 1 is 0.5" in refused.json["detail"]
    # Nobody keeps others from sending theirs; and whoever was wrong may say so.
    assert call("POST", API, altered, token=stranger("write")).status == 201
    assert f"DELETE {API}/{first.json['id']}" in refused.json["remedy"]
    assert call("DELETE", f"{API}/{first.json['id']}").status == 204
    assert call("POST", API, altered).status in {200, 201}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", 3),
        ("levels", []),
        ("levels", None),
        ("tickets/bundle", "0" * 64),
        ("tickets/found_on", "mnist"),
        ("experiment/digest", "0" * 64),
        ("experiment/spec/seed", 7),
        ("experiment/spec/training/lr", "much"),
        ("levels/0/networks/ticket/trials/0/ticket", "0" * 64),
        ("levels/0/networks/ticket/trials/0/test_accuracy", 1.5),
        ("levels/0/networks/ticket/trials/0/trial", 1),
        ("levels/0/networks/dense/trials", []),
        ("levels/0/networks/../x", {"trials": []}),
        ("levels/0/level", 3),
        ("levels/0/transferred_density", -1),
        ("environment", ["x"]),
        ("levels/0/networks", 7),
    ],
)
def test_what_is_no_evidence_about_this_ticket_is_refused(
    golden: str, evidence: Table, call: Call, path: str, value: object
) -> None:
    place = path if "../" not in path else path.replace("../x", "..")
    refused = call("POST", API, {"ticket": golden, "evidence": change(evidence, place, value)})
    assert (refused.status, refused.headers["Content-Type"]) == (422, "application/problem+json")
    assert call("GET", f"{API}?ticket={golden}&origin=upload").json["items"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b'{"ticket": "a/b", "evidence": {}, "url": "x"}', 422),
        (b'{"ticket": "../b", "evidence": {}}', 404),
        (b'{"ticket": "a/b", "evidence": {}}', 404),
        (b'{"ticket": NaN}', 422),
        (b"[" * 100_000, 422),
        (b" " * (5 << 20), 413),
    ],
)
def test_a_body_that_is_none_is_refused(call: Call, body: bytes, status: int) -> None:
    assert call("POST", API, body).status == status


def test_the_most_accurate_ticket_on_a_data_set_comes_first(
    golden: str, ticket: str, call: Call
) -> None:
    assert golden != ticket
    found = call("GET", f"{API}?dataset=digits&limit=100").json["items"]
    accuracies = [item["accuracy"] for item in found]
    assert accuracies == sorted(accuracies, reverse=True)
    (mine,) = call("GET", f"{API}?ticket={golden}&origin=search").json["items"]
    assert mine["low"] < mine["accuracy"] < mine["high"]
    assert mine["gain"] is not None
    first = call("GET", f"{API}?dataset=digits&limit=1").json
    second = call("GET", f"{API}?dataset=digits&limit=1&cursor={first['next_cursor']}").json
    assert [*first["items"], *second["items"]] == found[:2]


def test_evidence_about_a_private_ticket_is_shown_to_nobody_else(
    hub: RunningHub, owner: str, evidence: Table, call: Call, stranger: Callable[[str], str]
) -> None:
    repo = f"{owner}/secret-{uuid.uuid4().hex[:8]}"
    push(connect(hub.endpoint, token=hub.token), GOLDEN, repo, private=True)
    other = stranger("write")
    assert call("POST", API, {"ticket": repo, "evidence": evidence}, token=other).status == 404
    sent = call("POST", API, {"ticket": repo, "evidence": evidence}).json
    assert sent["ticket"] == repo
    for token in (other, ""):
        assert call("GET", f"{API}?ticket={repo}", token=token).json["items"] == []
        lines = call("GET", "/api/v1/transfer?limit=100", token=token).json["lines"]
        assert repo not in [line["ticket"] for line in lines]
        seen = call("GET", f"{API}/{sent['id']}", token=token)
        assert seen.status == 404 or seen.json["ticket"] != repo


def test_the_transfer_matrix_has_a_line_for_each_level_that_somebody_tried(
    ticket: str, evidence: Table, call: Call
) -> None:
    call("POST", API, {"ticket": ticket, "evidence": evidence})
    found = call("GET", "/api/v1/transfer?found_on=digits&network=lenet-10&limit=100").json
    lines = [line for line in found["lines"] if line["ticket"] == ticket]
    assert [line["level"] for line in lines] == [2, 3]
    assert [cell["data"] for line in lines for cell in line["cells"]] == ["digits", "digits"]
    assert "digits" in found["data"]
    reasons = [level["verdict"]["reason"] for level in evidence["levels"]]
    assert [line["cells"][0]["reason"] for line in lines] == reasons
    assert call("GET", "/api/v1/transfer?dataset=mnist").json["lines"] == []


def test_a_line_says_what_the_ticket_keeps_and_a_cell_what_the_trained_network_keeps(
    ticket: str, evidence: Table, call: Call
) -> None:
    call("POST", API, {"ticket": ticket, "evidence": evidence})
    headed = copy.deepcopy(evidence)  # as after a new output layer: more weights are kept
    for level in headed["levels"]:
        for each in level["networks"]["ticket"]["trials"]:
            each["kept"] += 7
    call("POST", API, {"ticket": ticket, "evidence": headed})
    found = call("GET", "/api/v1/transfer?found_on=digits&network=lenet-10&limit=100").json
    line = next(line for line in found["lines"] if line["ticket"] == ticket)
    about = call("GET", f"/api/v1/tickets/{ticket}").json["description"]
    assert line["density"] == about["levels"][line["level"]]["density"]
    trained = {cell["density"] for cell in line["cells"]}
    assert len(trained) == 2
    assert line["density"] in trained


def test_evidence_goes_with_its_ticket(ticket: str, evidence: Table, call: Call) -> None:
    sent = call("POST", API, {"ticket": ticket, "evidence": evidence}).json
    call("DELETE", "/api/repos/delete", {"name": ticket})
    assert call("GET", f"{API}?ticket={ticket}").json["items"] == []
    seen = call("GET", f"{API}/{sent['id']}")
    assert seen.status == 404 or seen.json["ticket"] != ticket


def test_comparing_gives_what_the_command_gives(golden: str, ticket: str, call: Call) -> None:
    from ticket_hub.bundle import open_bundle
    from ticket_hub.comparison import bundle_study, compare_studies

    found = call("GET", f"/api/v1/compare?ticket={golden}&ticket={ticket}@main")
    bundle = open_bundle(GOLDEN)
    expected = compare_studies([bundle_study(bundle, name=name) for name in (golden, ticket)])
    assert found.json == json.loads(json.dumps(expected.to_table()))
    for query in ("", "?ticket=x", f"?ticket={golden}" * 9):
        assert call("GET", f"/api/v1/compare{query}").status == 422
    assert call("GET", f"/api/v1/compare?ticket={golden}&ticket=a/b").status == 404
