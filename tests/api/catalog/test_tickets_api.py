"""Finding tickets through the REST API of a real hub, and what the catalog says of one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ticket_hub import find
from ticket_hub.hub import connect, push
from ticket_hub_api.background import RunningHub

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
API = "/api/v1/tickets"
Call = Callable[..., Any]


def test_what_is_pushed_is_found_at_once(golden: str, call: Call) -> None:
    found = call("GET", f"{API}?text=catalog-gold")
    assert found.status == 200
    (item,) = found.json["items"]
    assert item["repo"] == golden
    assert (item["network"], item["dataset"]) == ("lenet-10", "digits")
    assert (item["level"], item["rule"]) == (2, "mean-within-margin")
    assert item["density"] == pytest.approx(0.5216216216216216)
    assert item["n"] == 3
    assert item["low"] < item["accuracy"] < item["high"]
    assert (found.json["total"], found.json["exact"]) == (1, True)


def test_a_list_says_where_tickets_were_not_trained(
    hub: RunningHub, owner: str, golden: str, call: Call, tmp_path: Path
) -> None:
    changes = {
        "network.name": "lenet-20-10", "pruning.when": "init", "pruning.mode": "one-shot",
        "pruning.criterion": "snip", "search.levels": 1, "search.trials": 3,
        "training.iterations": 1, "training.evaluate_every": 1,
    }  # fmt: skip
    found = find("digits-quick", run_folder=tmp_path / "run", changes=changes)
    repo = f"{owner}/scored-before-training"
    push(connect(hub.endpoint, token=hub.token), found.bundle, repo)
    (item,) = call("GET", f"{API}?text=scored-before-training").json["items"]
    assert (item["trained"], item["verdict"]) == (False, None)
    items = call("GET", f"{API}?owner={owner}&limit=100").json["items"]
    assert next(each["trained"] for each in items if each["repo"] == golden)
    page = call("GET", "/?text=scored-before-training").body
    assert b"not trained" in page
    assert b"no verdict" not in page


def test_one_ticket_shows_levels_evidence_lineage_and_files(golden: str, call: Call) -> None:
    found = call("GET", f"{API}/{golden}").json
    manifest = json.loads((GOLDEN / "ticket.json").read_bytes())
    about = found["description"]
    assert about["id"] == manifest["id"]
    assert about["checked"] is True
    for level, stated in zip(about["levels"], manifest["levels"], strict=True):
        assert level["density"] == stated["density"]
        assert level["verdict"] == stated["verdict"]
        assert level["evidence"]["n"] == stated["evidence"]["n"]
        mean = stated["evidence"]["test_accuracy"]["mean"]
        assert level["evidence"]["test_accuracy"]["mean"] == pytest.approx(mean)
    files = {each["path"]: each["sha256"] for each in found["files"]}
    for path, record in manifest["files"].items():
        assert files[path] == record["sha256"]


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("network=lenet-10", True),
        ("network=lenet-11", False),
        ("dataset=digits&density_max=0.3", True),
        ("density_max=0.2", False),
        ("density_max=0.3&accuracy_min=0.95", False),
        ("density_max=0.4&accuracy_min=0.95", True),
        ("verdict=losing", True),
        ("verdict=winning", False),
        ("verdict=losing&density_min=0.5", False),
        ("text=LENET+dig", True),
        ("text=enet", False),
        ("owner=nobody", False),
    ],
)
def test_filters_hold_for_one_and_the_same_level(
    golden: str, call: Call, query: str, *, fits: bool
) -> None:
    found = call("GET", f"{API}?{query}&limit=100").json["items"]
    assert (golden in [item["repo"] for item in found]) is fits


@pytest.mark.parametrize(
    ("query", "level"),
    [
        ("density_min=0.5", 2),
        ("density_max=0.3", 4),
        ("density_max=0.45&accuracy_min=0.95", 3),
        ("verdict=losing", 4),
    ],
)
def test_a_ticket_says_by_which_level_it_fits(
    golden: str, call: Call, query: str, level: int
) -> None:
    about = call("GET", f"{API}/{golden}").json["description"]["levels"][level]
    (item,) = call("GET", f"{API}?text=catalog-gold&{query}").json["items"]
    assert item["level"] == 2
    assert item["fitting"] == {
        "level": level,
        "density": about["density"],
        "accuracy": about["evidence"]["test_accuracy"]["mean"],
        "verdict": about["verdict"],
        "retrained": False,
    }


def test_no_level_is_named_where_none_was_asked_for(golden: str, call: Call) -> None:
    (item,) = call("GET", f"{API}?text=catalog-gold&dataset=digits").json["items"]
    assert item["fitting"] is None


def test_pages_follow_each_other_without_gap_while_others_push(
    hub: RunningHub, owner: str, call: Call
) -> None:
    client = connect(hub.endpoint, token=hub.token)
    names = [f"{owner}/paged-{uuid.uuid4().hex[:8]}" for _ in range(4)]
    for name in names[:3]:
        push(client, GOLDEN, name)
    first = call("GET", f"{API}?text=paged&limit=2").json
    push(client, GOLDEN, names[3])
    second = call("GET", f"{API}?text=paged&limit=2&cursor={first['next_cursor']}").json
    seen = [item["repo"] for item in first["items"] + second["items"]]
    assert seen == list(reversed(names[:3]))
    assert second["next_cursor"] == ""


@pytest.mark.parametrize("cursor", ["x", "!!!!", "e30", "W10", "WyJhIiwxLCJiIl0", "A" * 1000])
def test_a_cursor_of_somebody_elses_is_refused(call: Call, cursor: str) -> None:
    found = call("GET", f"{API}?cursor={cursor}")
    assert found.status == 422
    assert found.headers["Content-Type"] == "application/problem+json"
    assert found.json["remedy"] == "Begin again without a cursor."


def test_a_private_ticket_is_in_no_list_and_no_count_of_others(
    hub: RunningHub, owner: str, call: Call, stranger: Callable[..., Any]
) -> None:
    repo = f"{owner}/hidden-{uuid.uuid4().hex[:8]}"
    push(connect(hub.endpoint, token=hub.token), GOLDEN, repo, private=True)
    assert call("GET", f"{API}?text=hidden").json["total"] == 1
    for token in (stranger("read"), ""):
        page = call("GET", f"{API}?text=hidden", token=token).json
        assert (page["items"], page["total"]) == ([], 0)
        one = call("GET", f"{API}/{repo}", token=token)
        assert one.json["detail"] == "Repository not found"
    call("PUT", f"/api/models/{repo}/settings", {"private": False})
    assert call("GET", f"{API}?text=hidden", token=stranger("read")).json["total"] == 1


def test_a_ticket_follows_its_repository(hub: RunningHub, owner: str, call: Call) -> None:
    repo, other = (f"{owner}/moved-{uuid.uuid4().hex[:8]}" for _ in range(2))
    push(connect(hub.endpoint, token=hub.token), GOLDEN, repo)
    call("POST", "/api/repos/move", {"fromRepo": repo, "toRepo": other})
    (item,) = call("GET", f"{API}?text=moved").json["items"]
    assert item["repo"] == other
    assert call("GET", f"{API}/{repo}").json["repo"] == other
    call("DELETE", "/api/repos/delete", {"name": other})
    assert call("GET", f"{API}?text=moved").json["items"] == []
    assert call("GET", f"{API}/{other}").status == 404


def test_a_repository_without_a_ticket_is_not_listed(
    repository: str, owner: str, call: Call
) -> None:
    assert call("GET", f"{API}?owner={owner}&text=made").json["items"] == []
    refused = call("GET", f"{API}/{repository}")
    assert (refused.status, refused.json["type"]) == (404, "urn:ticket-hub:ticket-not-found")
    assert refused.json["detail"] == "This revision holds no ticket."


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("/tickets?datasets=digits", "the nearest is dataset: it has network"),
        ("/experiments?found=digits&limit=1", "the nearest is found_on: it has dataset"),
        ("/tickets/ann/lenet/curves?revisions=main", "the nearest is revision"),
        ("/jobs/choices?kind=find", "There is no such parameter: it takes none in its address."),
    ],
)
def test_a_parameter_that_an_address_does_not_know_is_refused_with_the_nearest(
    call: Call, address: str, named: str
) -> None:
    refused = call("GET", f"/api/v1{address}")
    assert refused.status == 422
    (error,) = refused.json["errors"]
    assert error["where"].startswith("query.")
    assert named in error["problem"]
    assert call("GET", "/healthz?t=123").status == 200
