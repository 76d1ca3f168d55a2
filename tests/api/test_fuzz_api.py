"""Thousands of requests that fit the description of the API, and that do not: each answer is one
that the description knows, and none is a failure of the server.

    python -m pytest tests/api/test_fuzz_api.py -m slow     # more than 20,000 requests
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.forked import running_hub, ticket
from ticket_hub_api import openapi
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/format-1"
CONFIG = Path(__file__).parent / "fuzz/schemathesis.toml"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None,  # slow to import, and done by its own process
    reason="needs schemathesis: pip install '.[dev]'",
)

SCOPES = ("none", "read", "write", "admin")
PHASES = "examples,coverage,fuzzing,stateful"


def test_the_committed_description_is_what_the_routes_say() -> None:
    committed = ROOT / "api/openapi.json"
    if not committed.exists():
        pytest.skip("needs the checkout")
    assert json.loads(committed.read_text()) == json.loads(openapi.text()), (
        "make it anew: python -m ticket_hub_api.openapi > api/openapi.json"
    )


def test_the_service_hands_its_description_out(call: Callable[..., Any]) -> None:
    assert call("GET", "/api/v1/openapi.json", token="").json == openapi.description()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningHub, dict[str, str]]]:
    """A hub with a ticket of ann's, and ann's tokens by scope."""
    folder = tmp_path_factory.mktemp("fuzzed")
    settings = Settings(
        folder=folder / "hub", requests_per_minute=0, failures_per_minute=0, log_level="warning"
    )
    with running_hub(settings) as hub:
        database = Database(hub.settings.database_url)
        accounts.add_user(database, "ann")
        secrets = {
            scope: tokens.create_token(database, "ann", scope=scope).secret
            for scope in ("read", "write", "admin")
        }
        database.close()
        push(replace(hub, token=secrets["write"]), "ann/digits", folder)
        yield hub, {"none": "", **secrets}


def push(hub: RunningHub, name: str, folder: Path) -> None:
    bundle = Path(shutil.copytree(GOLDEN, folder / "bundle"))
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": hub.token,
        "HF_HOME": str(folder / "huggingface"),
        "TICKET_HOME": str(folder / "home"),
    }
    assert ticket(["push", str(bundle), name], environment, folder / "said") == 0


def fuzz(hub: RunningHub, token: str, examples: int, folder: Path, phases: str = PHASES) -> int:
    """Run schemathesis with all its checks; how many requests it made."""
    header = ["-H", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run",
         f"{hub.endpoint}/api/v1/openapi.json", *header, "--checks", "all", "-n", str(examples),
         "--phases", phases, "--seed", "20261121"],
        cwd=folder, capture_output=True, text=True, timeout=3000, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    count = re.search(r"(\d[\d,]*) generated", done.stdout)
    assert count
    return int(count[1].replace(",", ""))


def test_every_operation_gives_answers_that_the_description_knows(
    filled: tuple[RunningHub, dict[str, str]], tmp_path: Path
) -> None:
    hub, secrets = filled
    count = fuzz(hub, secrets["admin"], 1, tmp_path, "examples,fuzzing")
    assert count >= sum(len(methods) for methods in openapi.description()["paths"].values())


@pytest.mark.slow  # with each change every operation is asked something, above
@pytest.mark.parametrize("scope", SCOPES)
def test_every_answer_is_one_that_the_description_knows(
    filled: tuple[RunningHub, dict[str, str]], scope: str, tmp_path: Path
) -> None:
    hub, secrets = filled
    assert fuzz(hub, secrets[scope], 2, tmp_path) > 100


@pytest.mark.slow
@pytest.mark.timeout(4000)
def test_twenty_thousand_requests_get_an_answer_that_the_description_knows(
    filled: tuple[RunningHub, dict[str, str]], tmp_path: Path
) -> None:
    hub, secrets = filled
    count = sum(fuzz(hub, secrets[scope], 160, tmp_path) for scope in SCOPES)
    assert count >= 20_000
