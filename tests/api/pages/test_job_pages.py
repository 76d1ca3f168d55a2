from __future__ import annotations

import html
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import update

from tests.helpers.browsing import Reader, Shown, Visit
from tests.helpers.forked import start
from ticket_hub_api.background import RunningHub
from ticket_hub_api.jobs.planning import offered_controls
from ticket_hub_api.jobs.queue import JobQueue
from ticket_hub_api.jobs.requests import FindIn, RetrainIn
from ticket_hub_api.pages.job_form import first_values, read_job
from ticket_hub_api.pages.wording import FILTERS
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.job_tables import Job

ADDRESS = re.compile(r"/jobs/[0-9a-f]{24}$")

CONTROLS = offered_controls(None)


def test_a_form_means_the_request_of_the_rest_api() -> None:
    fields = first_values("retrain", "ada/lenet") | {"dataset": "digits", "seed": "7"}
    asked, problems = read_job(fields, CONTROLS)
    assert problems == {}
    assert isinstance(asked, RetrainIn)
    assert asked.against == ("reinit", "dense")
    assert (asked.trials, asked.seed, asked.dataset) == (3, 7, "digits")
    find = {"kind": "find", "recipe": "digits-quick", "repository": "a/b"}
    for kind, table in ((FindIn, find), (RetrainIn, fields)):
        found, _ = read_job(table | {"iterations": "60", "evaluate_every": "20"}, CONTROLS)
        assert isinstance(found, kind)
        assert (found.iterations, found.evaluate_every) == (60, 20)


def test_controls_are_drawn_as_often_as_the_form_says_within_bounds() -> None:
    fields = first_values("retrain", "ada/lenet")
    for given, drawn in (("", 1), ("3", 3), ("32", 32)):
        asked, problems = read_job(fields | {"reinits": given}, CONTROLS)
        assert problems == {}
        assert isinstance(asked, RetrainIn)
        assert asked.reinits == drawn
    assert read_job(fields | {"reinits": "33"}, CONTROLS)[1] == {"reinits": "must be at most 32"}
    assert read_job(fields | {"reinits": "0"}, CONTROLS)[1] == {"reinits": "must be at least 1"}


def test_every_wrong_field_is_named() -> None:
    fields = {"kind": "retrain", "ticket": "../etc", "trials": "many", "against-dense": "on"}
    asked, problems = read_job(fields, CONTROLS)
    assert asked is None
    assert set(problems) == {"ticket", "trials"}
    assert problems["ticket"].startswith("must be owner/name")
    assert problems["trials"] == "must be a whole number"
    assert set(read_job({"kind": "nonsense"}, CONTROLS)[1]) == {"kind"}


def test_ranges_are_said_in_plain_words() -> None:
    fields = {"kind": "retrain", "ticket": "a/b", "trials": "0", "seed": "-1", "iterations": "9e9"}
    assert read_job(fields, CONTROLS)[1] == {
        "trials": "must be at least 1",
        "seed": "must be at least 0",
        "iterations": "must be a whole number",
        "against": "needs at least one",
    }
    _, problems = read_job({"kind": "find", "repository": "no", "levels": "99"}, CONTROLS)
    assert problems["levels"] == "must be at most 60"
    assert problems["recipe"] == "is missing"
    assert problems["repository"].startswith("must be owner/name")


def test_events_are_told_in_the_words_of_the_pages() -> None:
    happening = FILTERS["happening"]
    trained = {"accuracy": 0.97222, "control": "reinit", "early_stop": 1020, "level": 8, "trial": 4}
    assert (
        happening(trained) == "accuracy 97.22%, network reinit, early stop 1020, level 8, trial 4"
    )
    level = {"density": 0.8042, "early_stop": 100.0, "index": 1, "test_accuracy": 0.9444}
    assert happening(level) == "weights left 80.42%, early stop 100, level 1, accuracy 94.44%"
    assert happening({"problem": "It failed.", "remedy": "Try again."}) == "It failed. Try again."
    assert happening({"attempt": 1, "more": None}) == "attempt 1"


@pytest.fixture
def filled(member: Reader, shown: Shown) -> dict[str, str]:
    """A form that could be sent."""
    form = member.get(f"/jobs/new?ticket={shown.controlled}").form_token()
    return first_values("retrain", shown.controlled) | {"form_token": form}


def test_jobs_are_for_people_with_an_account(reader: Reader) -> None:
    assert reader.get("/jobs").status == 401
    assert reader.get("/jobs/new").status == 401
    assert reader.get("/operator").status == 401


def test_a_form_sent_twice_makes_one_job(member: Reader, filled: dict[str, str]) -> None:
    first, second = member.post("/jobs", filled), member.post("/jobs", filled)
    assert first.status == second.status == 303
    assert first.headers["Location"] == second.headers["Location"]
    cancel = {"form_token": filled["form_token"]}
    assert member.post(f"{first.headers['Location']}/cancel", cancel).status == 303
    assert member.post(f"{first.headers['Location']}/delete", cancel).status == 303
    assert member.get(first.headers["Location"]).status == 404


def test_an_estimate_makes_no_job(member: Reader, filled: dict[str, str]) -> None:
    before = member.get("/jobs").text.count("/jobs/")
    page = member.post("/jobs", filled | {"estimate": "1"})
    assert "This would train 9 networks" in page.text
    assert 'name="patience"' in page.text
    drawn = member.post("/jobs", filled | {"estimate": "1", "reinits": "2"})
    assert "This would train 12 networks" in drawn.text  # 3 tickets, 3 dense, 2 x 3 reinit
    assert re.search(r'name="reinits" value="2"', drawn.text)
    assert member.get("/jobs").text.count("/jobs/") == before


def test_what_cannot_be_submitted_is_said_and_kept(member: Reader, filled: dict[str, str]) -> None:
    wrong = member.post("/jobs", filled | {"trials": "100", "ticket": "nobody/nothing"})
    assert wrong.status == 422
    assert 'value="nobody/nothing"' in wrong.text
    assert "trials" in wrong.text
    unknown = member.post("/jobs", filled | {"ticket": "nobody/nothing"})
    assert unknown.status == 404
    assert "The job was not submitted." in unknown.text
    assert member.post("/jobs", filled | {"dataset": "imagenet"}).status == 422


def test_a_job_asks_again_until_it_has_ended(member: Reader, filled: dict[str, str]) -> None:
    address = member.post("/jobs", filled).headers["Location"]
    page = member.get(address)
    assert 'hx-trigger="every 2s"' in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    part = member.get(f"{address}?seen=queued", HX_Request="true")
    assert "<html" not in part.text
    assert "hx-swap-oob" not in part.text
    member.post(f"{address}/cancel", {"form_token": filled["form_token"]})
    ended = member.get(f"{address}?seen=queued", HX_Request="true")
    assert "hx-swap-oob" in ended.text
    assert "hx-trigger" not in ended.text


def test_submitting_and_cancelling_in_a_browser(
    hub: RunningHub, visit: Visit, shown: Shown
) -> None:
    visit.sign_in(hub.token)
    page = visit.page
    page.goto(f"/tickets/{shown.controlled}")
    page.get_by_role("link", name="Retrain it here").click()
    page.get_by_label("Data set").select_option("digits")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(ADDRESS)
    assert page.locator("#state-of-job").inner_text() == "queued"
    page.get_by_role("button", name="Cancel this job").click()
    page.get_by_role("status").filter(has_text="cancelled").wait_for()
    page.get_by_role("button", name="Delete this job").click()
    page.wait_for_url("**/jobs")


def test_the_operator_sees_storage_workers_and_the_queue(member: Reader, shown: Shown) -> None:
    assert shown
    page = member.get("/operator").text
    for part in ("Stored", "Disk free", "Queued", "Workers", "SQLite", "everybody with an account"):
        assert part in page


def test_comparing_in_a_browser(hub: RunningHub, visit: Visit, shown: Shown) -> None:
    visit.sign_in(hub.token)
    page = visit.page
    page.goto("/?text=pages")
    assert page.get_by_role("button", name="Compare the marked ones").is_disabled()
    page.get_by_label(f"Compare {shown.controlled}").check()
    page.get_by_label(f"Compare {shown.plain}").check()
    page.get_by_role("button", name="Compare the marked ones").click()
    page.get_by_role("heading", name="Runs").wait_for()
    assert "tickets=" in page.url
    assert page.get_by_role("heading", name=shown.plain).is_visible()
    assert page.locator("text=reinit").count() > 0


def test_comparisons_are_those_of_the_command(member: Reader, shown: Shown) -> None:
    both = member.get(f"/compare?tickets={shown.controlled},{shown.plain}").text
    assert "Against A" in both
    assert "Nothing but the tickets" in both
    assert member.get("/compare").status == 200
    assert member.get("/compare?tickets=nobody/nothing").status == 404
    assert member.get("/compare?tickets=" + ",".join(f"a/b{n}" for n in range(9))).status == 422


def test_a_comparison_has_the_figure_of_the_command(member: Reader, shown: Shown) -> None:
    page = member.get(f"/compare?tickets={shown.controlled},{shown.plain}").text
    (address,) = re.findall(r'src="(/compare/tickets.svg[?][^"]+)"', page)
    figure = member.get(html.unescape(address))
    assert figure.headers["Content-Type"] == "image/svg+xml"
    assert "immutable" in figure.headers["Cache-Control"]
    assert ET.fromstring(figure.text).tag == "{http://www.w3.org/2000/svg}svg"
    alone = member.get(f"/compare?tickets={shown.plain}").text
    assert "/compare/tickets.svg" not in alone
    for query in (f"tickets.svg?tickets={shown.plain}", f"x.svg?{address.partition('?')[2]}"):
        assert member.get(f"/compare/{query}").status == 404


def test_what_a_visitor_may_not_see_is_not_drawn(reader: Reader, shown: Shown) -> None:
    both = f"{shown.plain},{shown.private}"
    assert reader.get(f"/compare/tickets.svg?tickets={both}").status == 401


def test_what_a_visitor_may_not_see_cannot_be_compared(reader: Reader, shown: Shown) -> None:
    page = reader.get(f"/compare?tickets={shown.private}")
    assert page.status == 401
    assert "reinit" not in page.text


def test_a_browser_watches_a_retraining_until_its_verdict(
    hub: RunningHub, visit: Visit, shown: Shown, evidence: dict[str, Any]
) -> None:
    visit.sign_in(hub.token)
    page = visit.page
    page.goto(f"/jobs/new?ticket={shown.controlled}")
    page.get_by_label("Data set").select_option("digits")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(ADDRESS)
    database, job_id = Database(hub.settings.database_url), page.url.rpartition("/")[2]
    cancel_waiting(database, but=job_id)
    queue = JobQueue(database)
    claim = queue.claim("w" * 24)
    assert claim is not None
    assert claim.job_id == job_id
    reading = {"done": 0.5, "text": "3 of 6 networks", "latest": {}}
    queue.heartbeat(claim, seconds=1, progress=reading, happened=[], quota=0)
    page.get_by_role("status").filter(has_text="running").wait_for()
    page.get_by_text("50%, 3 of 6 networks").wait_for()
    assert page.get_by_label("Progress").get_attribute("value") == "0.5"
    assert queue.finish(claim, {"ticket": shown.controlled, "evidence": evidence})
    page.get_by_role("status").filter(has_text="finished").wait_for()
    page.get_by_role("heading", name="Result").wait_for()
    for level in evidence["levels"]:
        assert page.get_by_text(level["verdict"]["reason"]).count() == 1
    database.close()


def cancel_waiting(database: Database, but: str = "") -> None:
    """Let no job wait that other tests have made."""
    waiting = (Job.state == "queued", Job.id != but)
    with database.write() as session:
        session.execute(update(Job).where(*waiting).values(state="cancelled"))


@pytest.fixture
def worker(hub: RunningHub, tmp_path: Path) -> Iterator[None]:
    """A real worker of the hub, with one slot and no other jobs."""
    database = Database(hub.settings.database_url)
    cancel_waiting(database)
    database.close()
    arguments = [
        "worker", "--hub", hub.endpoint, "--slots", "1", "--device", "cpu", "--jobs-folder",
        str(tmp_path / "jobs"),
    ]  # fmt: skip
    process = start("ticket_hub_cli", arguments, {**os.environ, **hub.settings.to_environment()})
    yield
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


@pytest.mark.usefixtures("worker")
@pytest.mark.slow  # with each change a browser submits, and `jobs/test_workers.py` retrains
def test_a_real_worker_retrains_what_a_browser_submits(
    hub: RunningHub, visit: Visit, shown: Shown
) -> None:
    visit.sign_in(hub.token)
    page = visit.page
    page.goto(f"/jobs/new?ticket={shown.plain}:2")
    page.get_by_label("Data set").select_option("digits")
    page.get_by_label("Iterations").fill("250")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(ADDRESS)
    finished = page.get_by_role("status").filter(has_text="finished")
    finished.wait_for(timeout=150_000)
    section = page.get_by_role("region", name="Level 2", exact=False).first
    assert "n = 3" in section.inner_text()
    assert section.locator(".verdict").count() == 1
