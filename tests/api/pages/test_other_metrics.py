"""Tickets of an author's own loop, whose metric is another one than accuracy, on a hub."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.helpers.browsing import Reader
from tests.helpers.commands import run_ticket
from tests.helpers.own_loops import Net
from ticket_hub.own import Comparison, Metric, Search
from ticket_hub.transfer.sharing import push_bundle
from ticket_hub_api.background import RunningHub

RMSE = Metric("RMSE", lower_is_better=True, margin=0.05, unit="m")


def found(folder: Path, base: float, metric: Metric = RMSE) -> Path:
    """The bundle of a search in which level 2 is `base`, and denser levels are a bit better."""
    search = Search(Net, levels=2, trials=3, folder=folder, metric=metric, data="slopes")
    for step in search:
        test = base - 0.02 + 0.01 * step.level + 0.001 * step.trial
        step.finish(test=test, seconds=2.0 + step.trial)
    return search.bundle


@pytest.fixture(scope="module")
def shared(
    hub: RunningHub, owner: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    """Two tickets by RMSE, the worse one first; the better one with a comparison of its own."""
    folder = tmp_path_factory.mktemp("metres")
    names = tuple(f"{owner}/metres-{kind}-{uuid.uuid4().hex[:6]}" for kind in ("worse", "better"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKET_HOME", str(folder / "home"))
        patch.setenv("HF_HOME", str(folder / "huggingface"))
        worse, better = found(folder / "worse", 0.9), found(folder / "better", 0.4)
        compared = Comparison(
            f"{better}:1",
            against=["dense"],
            trials=3,
            make_network=Net,
            folder=folder / "compared",
            who="Ada",
        )
        for step in compared:
            step.finish(test={"ticket": 0.31, "dense": 0.52}[step.control] + 0.001 * step.trial)
        evidence = [compared.result().run]
        push_bundle(worse, names[0], hub=hub.endpoint, token=hub.token)
        push_bundle(better, names[1], hub=hub.endpoint, token=hub.token, evidence=evidence)
    return names[0], names[1]


def test_the_page_of_a_ticket_shows_its_own_metric(member: Reader, shared: tuple[str, str]) -> None:
    page = member.get(f"/tickets/{shared[1]}")
    assert page.status == 200
    summary = page.text.partition('class="summary"')[2].partition("</section>")[0]
    assert "RMSE (m), 95% interval" in summary
    assert "0.401" in summary
    assert "not measured" not in page.text
    assert ">RMSE, m</th>" in page.text
    assert "Better than dense by, m" in page.text
    assert "is within 0.05 m of the dense" in page.text or "winning or matching" in page.text
    assert "Test RMSE at the last iteration" in page.text
    assert ">Last iteration</th>" in page.text
    assert "arly stop" not in page.text.partition('id="levels"')[2].partition('id="card"')[0]
    assert ">seconds</th>" in page.text
    before_card = page.text.partition('id="card"')[0]
    assert "ccuracy" not in before_card
    assert "%" not in summary.replace("95% interval", "").replace("64.6%", "")
    retrained = before_card.partition('id="elsewhere"')[2]
    assert "<td>RMSE (m)</td>" in retrained
    assert "0.311" in retrained
    assert "+0.21" in retrained


def test_its_figures_are_drawn(member: Reader, hub: RunningHub, shared: tuple[str, str]) -> None:
    told = member.get(f"/api/v1/tickets/{shared[1]}", Authorization=f"Bearer {hub.token}")
    commit = json.loads(told.text)["commit"]
    for name in ("ladder", "curves"):
        drawn = member.get(f"/tickets/{shared[1]}/figures/{commit}/{name}.svg")
        assert drawn.status == 200, drawn.text


def test_lists_and_rest_have_value_and_direction_and_sort_within_one_metric(
    member: Reader, hub: RunningHub, shared: tuple[str, str]
) -> None:
    def asked(query: str) -> list[dict[str, object]]:
        answer = member.get(f"/api/v1/tickets?{query}", Authorization=f"Bearer {hub.token}")
        assert answer.status == 200, answer.text
        items: list[dict[str, object]] = json.loads(answer.text)["items"]
        return items

    worse, better = shared
    best = asked("metric=RMSE+(m)&sort=best")
    assert [item["repo"] for item in best] == [better, worse]
    assert (best[0]["metric"], best[0]["lower_is_better"]) == ("RMSE (m)", True)
    assert best[0]["accuracy"] is None
    assert best[0]["value"] == pytest.approx(0.401)
    (first,) = asked("metric=RMSE+(m)&sort=best&limit=1")
    assert first["repo"] == better
    assert {item["metric"] for item in asked("sort=best&metric=accuracy")} <= {"accuracy"}
    assert not {worse, better} & {item["repo"] for item in asked("accuracy_min=0&limit=100")}
    refused = member.get("/api/v1/tickets?sort=best", Authorization=f"Bearer {hub.token}")
    assert refused.status == 422
    assert "different metrics have no order" in refused.text
    listed = member.get("/?metric=RMSE+(m)&order=best").text
    assert listed.index(better) < listed.index(worse)
    assert ">RMSE (m)</a>" in listed
    assert "0.401" in listed
    told = member.get(f"/api/v1/tickets/{better}", Authorization=f"Bearer {hub.token}").text
    about = json.loads(told)["description"]
    assert about["metric"]["label"] == "RMSE (m)"
    assert about["default"]["value"] == pytest.approx(0.401)
    assert about["disagrees"] == []


def test_evidence_by_another_metric_is_in_no_list_of_accuracies(
    member: Reader, hub: RunningHub, shared: tuple[str, str]
) -> None:
    key = {"Authorization": f"Bearer {hub.token}"}
    listed = member.get(f"/api/v1/experiments?ticket={shared[1]}", **key)
    assert json.loads(listed.text)["items"] == []
    matrix = member.get("/api/v1/transfer?found_on=slopes", **key)
    assert json.loads(matrix.text)["lines"] == []


def test_ticket_search_shows_and_sorts_them(hub: RunningHub, shared: tuple[str, str]) -> None:
    worse, better = shared
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", hub.token)
        ran = run_ticket(
            "search", "metres", "--metric", "RMSE", "--sort", "best", "--hub", hub.endpoint
        )
        assert ran.code == 0, ran.stderr
        lines = ran.stdout.splitlines()
        assert [line.split()[0] for line in lines[1:]] == [better, worse]
        assert "RMSE 0.381 m" in lines[1]
        refused = run_ticket("search", "--sort", "best", "--hub", hub.endpoint)
        assert refused.code == 13
        assert "--metric" in refused.stderr
