"""The leaderboard as people see it: filters, the front as a figure, and a command for each row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.browsing import Reader, Shown
from ticket_hub_api.pages.drawing import sparkline


@pytest.fixture
def tested(shown: Shown, evidence: dict[str, Any], call: Callable[..., Any]) -> Iterator[Shown]:
    """With evidence of controls; it is taken away afterwards."""
    answer = call("POST", "/api/v1/experiments", {"ticket": shown.plain, "evidence": evidence})
    assert answer.status == 201
    yield shown
    assert call("DELETE", f"/api/v1/experiments/{answer.json['id']}").status < 300


def test_each_row_says_how_it_was_tested_and_how_to_have_it(member: Reader, tested: Shown) -> None:
    page = member.get("/leaderboard?dataset=digits").text
    assert "no controls" not in page.partition("<tbody>")[2].partition("</tr>")[0]
    # Other tests of this service have tickets with controls, too, and better ones.
    rows = (
        member.get("/leaderboard?dataset=digits&tested=yes")
        .text.partition("<tbody>")[2]
        .split("</tr>")
    )
    row = next(each for each in rows if f'href="/tickets/{tested.plain}"' in each)
    assert f"ticket pull {tested.plain}:" in row
    assert "reinit" in row
    assert '<span class="tag">no controls</span>' in page
    assert 'aria-current="page">Leaderboard<' in page
    assert '<svg width="720" height="280"' in page
    assert 'class="dot front"' in page
    assert 'class="dot alone"' in page


def test_filters_are_in_the_address(member: Reader, tested: Shown) -> None:
    assert tested.plain in member.get("/leaderboard?dataset=digits&tested=yes").text
    assert "no controls</span>" not in member.get("/leaderboard?dataset=digits&tested=yes").text
    nothing = member.get("/leaderboard?dataset=nothing-of-this-name")
    assert nothing.status == 200
    assert "No ticket fits" in nothing.text
    assert member.get("/leaderboard?band=under+1%25&weights_min=x&metric=%00").status == 200


def test_nobody_sees_tickets_that_they_may_not_read(
    member: Reader, reader: Reader, shown: Shown
) -> None:
    assert shown.private in member.get("/leaderboard?dataset=digits").text
    assert shown.private not in reader.get("/leaderboard?dataset=digits").text


def test_a_sparkline_has_the_dense_network_left_and_the_better_above() -> None:
    points = [
        tuple(map(float, point.split(",")))
        for point in sparkline(
            [(1.0, 0.9), (0.5, 0.95), (0.25, 0.8)], lower_is_better=False
        ).split()
    ]
    assert [x for x, _ in points] == [3.0, 48.0, 93.0]
    assert points[1][1] < points[0][1] < points[2][1]
    error = sparkline([(1.0, 0.9), (0.5, 0.8)], lower_is_better=True)
    assert error == "3.0,21.0 93.0,3.0"
    assert not sparkline([(1.0, 0.9)], lower_is_better=False)


def test_the_front_page_says_what_this_is_and_shows_the_best(member: Reader, tested: Shown) -> None:
    page = member.get("/").text
    assert '<h1 class="claim">' in page
    best = page.partition('<section class="best"')[2].partition("</section>")[0]
    every = member.get("/leaderboard?dataset=digits&tested=yes").text.partition("<tbody>")[2]
    first = next(row for row in every.split("</tr>") if ">losing<" not in row)
    shown = re.findall(r'href="(/tickets/[^"]+)"', best)
    assert 1 <= len(shown) <= 3
    assert f'href="{shown[0]}"' in first
    assert "no controls" not in best
    assert ">losing<" not in best
    assert 'href="/leaderboard"' in best
    assert '<svg class="spark" width="96" height="24"' in page
    assert '<section class="best"' not in member.get("/?text=lenet").text


def test_a_page_that_is_not_there_names_what_was_looked_for(member: Reader, shown: Shown) -> None:
    missing = member.get("/tickets/nobody/nothing", Accept="text/html")
    assert missing.status == 404
    assert "Looked for: <code>/tickets/nobody/nothing</code>" in missing.text
    hostile = member.get("/nothing?%3Cscript%3E", Accept="text/html").text
    assert "There is nothing at this address." in hostile
    assert "Sign out" in hostile
    assert "<code>/nothing?%3Cscript%3E</code>" in hostile
    assert "Looked for" not in member.get(f"/tickets/{shown.plain}").text


def test_a_page_of_a_ticket_has_its_levels_once_and_figures_with_their_sizes(
    member: Reader, shown: Shown
) -> None:
    page = member.get(f"/tickets/{shown.controlled}").text
    card = page.partition('<article class="card"')[2].partition("</article>")[0]
    assert "How it was found" in card
    assert "early stop at" not in card  # the card's own table of levels
    assert 'width="864" height="406"' in page
    assert f"ticket_hub.Ticket.from_pretrained(&#34;{shown.controlled}&#34;" in page
