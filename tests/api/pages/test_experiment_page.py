"""What became of a ticket: the page of an experiment, the history, the job's form and curves."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.helpers.browsing import Reader, Shown
from tests.helpers.experiments import with_curves
from ticket_hub.recipe.own import ACCURACY
from ticket_hub_api.pages.trial_drawing import curves_figure, learning_figure
from ticket_hub_api.worker.progress import Meter


def test_an_experiment_has_a_page_with_every_trial_and_a_line_in_the_tickets_history(
    member: Reader, shown: Shown, evidence: dict[str, Any], call: Callable[..., Any]
) -> None:
    made = call("POST", "/api/v1/experiments", {"ticket": shown.plain, "evidence": evidence})
    address = f"/experiments/{made.json['id']}"
    ticket = member.get(f"/tickets/{shown.plain}").text
    history = ticket.partition('<h2 id="history">')[2].partition("</table>")[0]
    assert f'href="{address}">trained again on digits' in history
    assert "version " in history
    page = member.get(address).text
    for level in made.json["record"]["levels"]:
        section = page.partition(f'id="level-{level["level"]}"')[2].partition("</section>")[0]
        counted = sum(len(trials) for trials in level["trials"].values())
        assert section.count("<circle") == counted
        assert "reinit" in section
    assert '<svg width="720" height="' in page
    assert call("DELETE", f"/api/v1/experiments/{made.json['id']}").status < 300
    assert member.get(address, Accept="text/html").status == 404


def test_an_experiment_with_curves_shows_each_trial_and_the_mean_of_each_network(
    member: Reader, shown: Shown, evidence: dict[str, Any], call: Callable[..., Any]
) -> None:
    sent = {"ticket": shown.plain, "evidence": with_curves(copy.deepcopy(evidence))}
    made = call("POST", "/api/v1/experiments", sent)
    level = made.json["record"]["levels"][0]
    assert {len(each) for each in level["curves"].values()} == {level["evidence"]["n"]}
    page = member.get(f"/experiments/{made.json['id']}").text
    figure = page.partition('aria-label="Validation accuracy by iteration')[2].partition("</fig")[0]
    assert figure.count('class="curve trial') == sum(map(len, level["curves"].values()))
    assert figure.count("<title>") == len(level["curves"]) == 3
    assert "are not drawn" in figure  # the first reading, of the iteration 0
    assert 'aria-label="Test accuracy' not in page  # one reading is no curve
    call("DELETE", f"/api/v1/experiments/{made.json['id']}")
    without = copy.deepcopy(evidence)  # as versions before this one wrote it
    for network in (each for one in without["levels"] for each in one["networks"].values()):
        del network["curves"]
    made = call("POST", "/api/v1/experiments", {"ticket": shown.plain, "evidence": without})
    assert "stay with the run that made it" in member.get(f"/experiments/{made.json['id']}").text
    call("DELETE", f"/api/v1/experiments/{made.json['id']}")


def test_a_mean_goes_as_far_as_all_trials_do() -> None:
    curves = [
        {"iterations": [0, 10, 20, 30], "validation_accuracy": [0.1, 0.6, 0.8, 0.9]},
        {"iterations": [0, 10, 20], "validation_accuracy": [0.1, 0.8, 0.6]},
    ]
    figure = learning_figure({"ticket": curves}, "validation_accuracy", ACCURACY)
    assert figure is not None
    assert [len(points.split()) for _, points in figure.lines] == [3, 2]
    assert len(figure.means["ticket"].split()) == 2
    assert len({point.partition(",")[2] for point in figure.means["ticket"].split()}) == 1
    assert figure.floor == "60.00"
    nothing: dict[str, Any] = {"iterations": [], "validation_accuracy": []}
    assert learning_figure({"ticket": [nothing]}, "validation_accuracy", ACCURACY) is None


def test_a_ticket_has_a_picture_of_its_mask_and_a_button_that_fills_in_the_job(
    member: Reader, reader: Reader, shown: Shown
) -> None:
    page = member.get(f"/tickets/{shown.plain}").text
    picture = next(part for part in page.split("<img ") if "/mask.svg" in part)
    assert 'width="864" height="172"' in picture
    drawn = member.get(picture.partition('src="')[2].partition('"')[0])
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert '<svg xmlns="http://www.w3.org/2000/svg" width="864" height="172"' in drawn.text
    assert f'class="button" href="/jobs/new?ticket={shown.plain}"' in page
    form = member.get(f"/jobs/new?ticket={shown.plain}").text
    assert f'value="{shown.plain}"' in form
    assert "Estimate only" in form
    offered = member.get("/jobs/tickets?ticket=pages-pl").text
    assert f'<option value="{shown.plain}">' in offered
    assert reader.get("/jobs/tickets?ticket=pages").status == 401


def test_what_trains_just_now_has_curves_that_stay_small() -> None:
    meter = Meter(total=2, unit="level")
    lines = [
        {"event": "progress", "member": f"{member}", "iteration": step, "iterations": 400,
         "validation_accuracy": float("nan") if not step else 0.5 + step / 1000}
        for step in range(300) for member in range(15)
    ]  # fmt: skip
    meter.take(lines)
    curves = meter.reading()["curves"]
    assert len(curves) == 12
    assert all(2 < len(points) <= 64 for points in curves.values())
    assert curves["0"][-1] == (299, 0.799)
    figure = curves_figure(curves)
    assert figure is not None
    assert len(figure.lines) == 12
    meter.take([{"event": "level", "index": 0}])
    assert meter.reading()["curves"] == {}
    assert curves_figure({"0": [(1, 0.5)]}) is None
