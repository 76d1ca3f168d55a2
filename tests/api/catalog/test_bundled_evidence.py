"""Evidence that a push brings along is among the experiments, as what its bundle says."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.experiments import evidence_table, write_run
from ticket_hub import push_bundle
from ticket_hub.hub import connect, push
from ticket_hub_api.background import RunningHub

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
API = "/api/v1/experiments"
Call = Callable[..., Any]


def test_evidence_of_a_push_is_listed_judged_anew_and_goes_with_its_bundle(
    hub: RunningHub, owner: str, evidence: dict[str, Any], call: Call, tmp_path: Path
) -> None:
    repo = f"{owner}/bundled-{uuid.uuid4().hex[:8]}"
    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    run = write_run(tmp_path / "run", evidence)
    push_bundle(bundle, repo, hub=hub.endpoint, token=hub.token, evidence=[run])
    items = call("GET", f"{API}?ticket={repo}&origin=bundle").json["items"]
    stated = {level["level"]: level for level in evidence["levels"]}
    assert {item["level"] for item in items} == set(stated)
    for item in items:
        level = stated[item["level"]]
        mean = level["networks"]["ticket"]["test_accuracy"]["mean"]
        assert item["accuracy"] == pytest.approx(mean)
        assert item["verdict"] == level["verdict"]["word"]
        assert item["sender"] == ""
    one = call("GET", f"{API}/{items[0]['id']}").json
    assert (one["origin"], one["record"]["who"]) == ("bundle", "Ada")
    assert one["record"]["when"].endswith("Z")
    made = dt.datetime.fromisoformat(one["record"]["when"]).timestamp() * 1e6
    assert {item["created_at"] for item in items} == {made}
    assert call("DELETE", f"{API}/{items[0]['id']}").status == 404
    push(connect(hub.endpoint, token=hub.token), GOLDEN, repo)
    assert call("GET", f"{API}?ticket={repo}&origin=bundle").json["items"] == []


def test_a_copy_of_a_known_bundle_brings_its_evidence_too(
    hub: RunningHub, owner: str, call: Call, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    run = write_run(tmp_path / "run", evidence_table(bundle, dense=0.89))
    for name in ("first", "second"):
        repo = f"{owner}/{name}-{uuid.uuid4().hex[:8]}"
        push_bundle(bundle, repo, hub=hub.endpoint, token=hub.token, evidence=[run])
        (item,) = call("GET", f"{API}?ticket={repo}&origin=bundle").json["items"]
        assert (item["level"], item["accuracy"]) == (2, pytest.approx(0.91))
        ticket = call("GET", f"/api/v1/tickets/{repo}").json
        meant = ticket["description"]["default"]
        assert (meant["level"], meant["rule"]) == (2, "experiment")
        assert b"<dt>Trained again</dt>" in call("GET", f"/tickets/{repo}").body
        for figure in ("ladder", "mask"):  # which are of the ticket that is meant
            drawn = call("GET", f"/tickets/{repo}/figures/{ticket['commit']}/{figure}.svg")
            assert (drawn.status, drawn.headers["content-type"]) == (200, "image/svg+xml")
        assert "experiments" not in json.dumps(ticket["description"])
