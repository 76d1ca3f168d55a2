from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers.browsing import Reader, Shown

Send = Callable[[str], None]


@pytest.fixture
def send(evidence: dict[str, Any], call: Callable[..., Any]) -> Iterator[Send]:
    """Sends evidence about a ticket; it is taken away afterwards."""
    sent: list[str] = []

    def give(ticket: str) -> None:
        answer = call("POST", "/api/v1/experiments", {"ticket": ticket, "evidence": evidence})
        assert answer.status == 201
        sent.append(answer.json["id"])

    yield give
    for experiment in sent:
        assert call("DELETE", f"/api/v1/experiments/{experiment}").status < 300


def test_the_matrix_shows_each_level_on_each_data_set(
    member: Reader, shown: Shown, evidence: dict[str, Any], send: Send
) -> None:
    send(shown.controlled)
    page = member.get("/transfer").text
    assert page.count(f'href="/tickets/{shown.controlled}#elsewhere"') == len(evidence["levels"])
    assert '<th scope="col">digits</th>' in page
    assert evidence["levels"][0]["verdict"]["reason"] in page.replace("&#39;", "'")
    assert shown.controlled not in member.get("/transfer?network=resnet-20").text
    ticket = member.get(f"/tickets/{shown.controlled}").text
    assert 'id="elsewhere"' in ticket
    assert f"</summary>{evidence['levels'][0]['verdict']['reason']}</details>" in ticket


def test_nobody_sees_transfers_of_tickets_that_they_may_not_read(
    member: Reader, reader: Reader, shown: Shown, send: Send
) -> None:
    send(shown.private)
    assert shown.private in member.get("/transfer").text
    assert shown.private not in reader.get("/transfer").text


def test_where_nothing_fits_the_page_says_how_to_add_to_it(member: Reader, reader: Reader) -> None:
    empty = member.get("/transfer?dataset=nothing-of-this-name")
    assert empty.status == 200
    assert "ticket push BUNDLE owner/name --with-evidence RUN --hub http" in empty.text
    assert reader.get("/transfer?dataset=nothing-of-this-name").status == 200
