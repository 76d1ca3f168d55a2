"""Submitting, following, cancelling and deleting jobs through the REST API of a real hub."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ticket_hub.bundle import content_of, open_bundle, write_bundle
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import EvidenceError
from ticket_hub.hub import connect, push
from ticket_hub.recipe.axes import CONTROLS
from ticket_hub.transfer import register_control
from ticket_hub.types import Mask, Weights
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.jobs import planning
from ticket_hub_api.jobs.requests import RetrainIn
from ticket_hub_api.store.database import Database

API = "/api/v1/jobs"
GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
Call = Callable[..., Any]


@pytest.fixture
def find(owner: str) -> dict[str, Any]:
    """A request that the hub accepts."""
    repository = f"{owner}/found-{uuid.uuid4().hex[:8]}"
    return {"kind": "find", "recipe": "digits-quick", "repository": repository, "trials": 1}


@pytest.fixture
def stranger(hub: RunningHub) -> str:
    """A writing token of an account that has nothing to do with the owner."""
    database = Database(hub.settings.database_url)
    try:
        name = f"stranger-{uuid.uuid4().hex[:8]}"
        accounts.add_user(database, name)
        return tokens.create_token(database, name, scope="write").secret
    finally:
        database.close()


def test_a_submitted_job_waits_and_says_what_it_will_need(call: Call, find: dict[str, Any]) -> None:
    made = call("POST", API, find)
    assert made.status == 201
    job = made.json
    assert made.headers["Location"] == f"{API}/{job['id']}"
    assert (job["state"], job["kind"], job["request"]["trials"]) == ("queued", "find", 1)
    assert job["estimate"]["memory_bytes"] > 600 << 20
    assert job["estimate"]["seconds"] > 0
    assert job["estimate"]["networks"] == 15
    assert "rough" in job["estimate"]["basis"]
    assert call("GET", f"{API}/{job['id']}").json == job


def test_controls_that_a_bundle_of_survivors_cannot_have_are_refused_at_once(
    hub: RunningHub, owner: str, call: Call, tmp_path: Path
) -> None:
    repo = f"{owner}/survivors-{uuid.uuid4().hex[:8]}"
    write_bundle(tmp_path / "bundle", content_of(open_bundle(GOLDEN)), theta0="survivors")
    push(connect(hub.endpoint, token=hub.token), tmp_path / "bundle", repo)
    request = {"kind": "retrain", "ticket": repo, "against": ["reinit", "dense", "shuffle"]}
    refused = call("POST", f"{API}/estimate", request)
    assert refused.status == 422
    assert "'dense' and 'shuffle' need dense theta0" in refused.json["detail"]
    assert call("POST", f"{API}/estimate", {**request, "against": ["reinit"]}).status == 200
    for control, reason in (
        ("shuffled-pretrained", "'shuffled-pretrained' needs dense theta0"),
        ("finetune", "'finetune' needs dense theta0"),
        ("own", "needs the target's own ticket"),
        ("reinits", "There is no control 'reinits'"),
        ("../reinit", "against"),
    ):
        refused = call("POST", f"{API}/estimate", {**request, "against": [control]})
        assert refused.status == 422
        assert reason in json.dumps(refused.json, ensure_ascii=False)


def test_controls_of_plugins_may_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def theirs(ticket: TicketContent, dense: Weights) -> tuple[Weights, Mask]:
        return dense, ticket.mask

    monkeypatch.setattr(CONTROLS, "_known", {**CONTROLS._known})
    register_control("their-own")(theirs)
    offered = planning.offered_controls(None)
    assert {"their-own", "shuffled-pretrained"} <= {*offered}
    assert "own" not in offered
    survivors = replace(open_bundle(GOLDEN).manifest, theta0="survivors")
    asked = RetrainIn(kind="retrain", ticket="ann/digits", against=("their-own",))
    with pytest.raises(EvidenceError, match="'their-own' needs dense theta0"):
        planning.check_controls(survivors, asked)


def test_the_same_key_makes_one_job(call: Call, find: dict[str, Any]) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = call("POST", API, find, headers=key)
    again = call("POST", API, find, headers=key)
    assert (first.status, again.status) == (201, 201)
    assert first.json["id"] == again.json["id"]
    other = call("POST", API, {**find, "trials": 2}, headers=key)
    assert other.status == 409
    assert other.json["remedy"] == "Use a new key for a new request."


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": "../etc/passwd"},
        {"recipe": "lenet-mnist"},
        {"repository": "https://example.org/x"},
        {"trials": 0},
        {"trials": 33},
        {"levels": 61},
        {"lr": 0},
        {"lr": 11},
        {"iterations": 0},
        {"priority": 10},
        {"kind": "transfer"},
        {"url": "https://example.org"},
        {"data_dir": "/etc"},
        {"evaluate_every": 2000},
    ],
)
def test_what_is_not_offered_is_refused(
    call: Call, find: dict[str, Any], change: dict[str, Any]
) -> None:
    refused = call("POST", API, find | change)
    assert refused.status == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json["detail"]


def test_an_estimate_makes_no_job(call: Call, find: dict[str, Any]) -> None:
    before = len(call("GET", API).json["items"])
    estimated = call("POST", f"{API}/estimate", find)
    assert estimated.status == 200
    assert estimated.json["networks"] == 15
    assert len(call("GET", API).json["items"]) == before


def test_a_waiting_job_is_cancelled_and_its_story_can_be_read(
    call: Call, find: dict[str, Any]
) -> None:
    job = call("POST", API, find).json["id"]
    assert call("GET", f"{API}/{job}/result").status == 409
    assert call("DELETE", f"{API}/{job}").status == 409
    assert call("POST", f"{API}/{job}/cancel").json["state"] == "cancelled"
    told = events(call("GET", f"{API}/{job}/events").body)
    assert [(number, kind) for number, kind, _ in told] == [(1, "queued"), (2, "cancelled")]
    rest = events(call("GET", f"{API}/{job}/events", headers={"Last-Event-ID": "1"}).body)
    assert [kind for _, kind, _ in rest] == ["cancelled"]
    assert call("DELETE", f"{API}/{job}").status == 204
    assert call("GET", f"{API}/{job}").status == 404


def test_jobs_are_shown_to_their_owner_only(
    call: Call, find: dict[str, Any], stranger: str
) -> None:
    job = call("POST", API, find).json["id"]
    for method, path in (
        ("GET", ""), ("GET", "/events"), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", ""),
    ):  # fmt: skip
        assert call(method, f"{API}/{job}{path}", token=stranger).status == 404
    assert call("GET", API, token=stranger).json["items"] == []
    assert call("GET", f"{API}/{job}", token="").status == 401


def test_nobody_submits_to_the_namespace_of_others(
    call: Call, find: dict[str, Any], stranger: str
) -> None:
    assert call("POST", API, find, token=stranger).status == 403
    missing = {"kind": "retrain", "ticket": "nobody/nothing:best"}
    assert call("POST", API, missing).status == 404


def test_urgency_takes_an_administrator(call: Call, stranger: str) -> None:
    name = call("GET", "/api/whoami-v2", token=stranger).json["name"]
    find = {"kind": "find", "recipe": "digits-quick", "repository": f"{name}/x", "priority": 6}
    refused = call("POST", API, find, token=stranger)
    assert refused.status == 403
    assert "administrator" in refused.json["detail"]


def test_lists_are_paged_newest_first(call: Call, find: dict[str, Any]) -> None:
    made = [call("POST", API, find).json["id"] for _ in range(3)]
    first = call("GET", f"{API}?limit=2").json
    assert [item["id"] for item in first["items"]] == [made[2], made[1]]
    second = call("GET", f"{API}?limit=2&cursor={first['next_cursor']}").json
    assert second["items"][0]["id"] == made[0]
    assert call("GET", f"{API}?cursor=nonsense").status == 400
    assert {job["state"] for job in call("GET", f"{API}?state=queued").json["items"]} == {"queued"}


def test_the_choices_are_those_that_the_operator_offers(call: Call) -> None:
    found = call("GET", f"{API}/choices").json
    assert list(found["recipes"]) == ["digits-quick"]
    assert found["datasets"] == ["digits"]
    assert "reinit" in found["controls"]


def events(body: bytes) -> list[tuple[int, str, Any]]:
    """The events of a `text/event-stream`."""
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found
