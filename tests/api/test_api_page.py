"""The page about the REST API says what the routes say, and its examples work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.forked import running_hub
from ticket_hub.hub import connect, push
from ticket_hub_api import openapi, reference
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/format-1"
Call = Callable[..., Any]


def test_the_page_is_what_the_routes_say() -> None:
    if sys.version_info[:2] != (3, 11) and not (ROOT / "docs/api.md").exists():
        pytest.skip("needs the checkout")
    assert (ROOT / "docs/api.md").read_text() == reference.page(), (
        "make it anew: python -m ticket_hub_api.reference > docs/api.md"
    )


def test_the_page_names_every_field_of_every_body() -> None:
    page = reference.page()
    about = openapi.description()
    for name in ("FindIn", "RetrainIn"):
        for field in about["components"]["schemas"][name]["properties"]:
            assert f"| `{field}` | " in page.partition("## `POST /api/v1/jobs`")[2]
    assert "| `evidence` | an object |" in page


@pytest.fixture(scope="module")
def anns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub with the ticket of the examples."""
    settings = Settings(folder=tmp_path_factory.mktemp("examples"), visibility="public")
    prepare(settings, host="127.0.0.1", port=1)
    database = Database(settings.database_url)
    accounts.add_user(database, "ann")
    token = tokens.create_token(database, "ann", scope="write").secret
    database.close()
    with running_hub(settings) as hub:
        push(connect(hub.endpoint, token=token), GOLDEN, "ann/lenet")
        yield hub


@pytest.mark.parametrize("path", list(reference.EXAMPLES))
def test_every_example_works(
    anns: RunningHub, call_to: Callable[[RunningHub], Call], path: str
) -> None:
    answer = call_to(anns)("GET", reference.EXAMPLES[path])
    assert answer.status == 200
    content = openapi.description()["paths"][path]["get"]["responses"]["200"]["content"]
    assert answer.headers["Content-Type"].partition(";")[0] in content


def test_what_can_have_an_example_has_one() -> None:
    for path, item in openapi.description()["paths"].items():
        if "get" in item and item["get"]["tags"][0] in {"tickets", "experiments"}:
            assert path in reference.EXAMPLES or path.endswith("{id}")


def test_every_refusal_has_an_example_of_its_problem() -> None:
    for path, item in openapi.description()["paths"].items():
        for method, about in item.items():
            if about["tags"][0] not in {"tickets", "experiments"}:
                continue
            for status, response in about["responses"].items():
                if status.startswith(("4", "5")):
                    example = response["content"]["application/problem+json"]["example"]
                    assert (path, method, str(example["status"])) == (path, method, status)
                    assert example["remedy"]
