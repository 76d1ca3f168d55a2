"""`ticket serve` and `ticket hub`, run as an operator runs them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from tests.helpers.commands import Ran, run_ticket

pytest.importorskip("fastapi", reason="needs the service: pip install '.[serve]'")


def ticket(*arguments: str, code: int = 0) -> Ran:
    done = run_ticket(*arguments)
    assert done.code == code, done.stdout + done.stderr
    return done


def parsed(*arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(ticket(*arguments, "--format", "json", code=code).stdout)


def started() -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """A hub started by `ticket serve`: its endpoint and the command that reads its token."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "ticket_hub_cli", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    text = "".join(process.stdout.readline() for _ in range(4))
    endpoint = re.findall(r"export HF_ENDPOINT=(\S+)", text)[0]
    (path,) = re.findall(r"export HF_TOKEN=\$\(cat '(.+)'\)", text)
    yield endpoint, Path(path).read_text(), process
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    process.stdout.close()


served = pytest.fixture(started, name="served")


def wait_for(endpoint: str, token: str) -> HfApi:
    import time

    api = HfApi(endpoint=endpoint, token=token)
    for _ in range(200):
        try:
            api.whoami()
        except Exception:  # noqa: BLE001 - not up yet
            time.sleep(0.1)
        else:
            return api
    raise AssertionError("the hub did not start")


def test_serve_says_how_to_use_it_and_does_what_it_says(
    served: tuple[str, str, subprocess.Popen[str]],
) -> None:
    endpoint, token, _ = served
    api = wait_for(endpoint, token)
    name = api.create_repo("first").repo_id
    api.upload_file(path_or_fileobj=b"x" * 1000, path_in_repo="a.bin", repo_id=name)
    assert Path(api.hf_hub_download(name, "a.bin")).read_bytes() == b"x" * 1000
    assert parsed("hub", "fsck") == []
    assert parsed("hub", "gc")["objects"] == 0
    issued = parsed("hub", "token", "create", name.split("/")[0], "--scope", "read")
    reader = HfApi(endpoint=endpoint, token=issued["secret"])
    assert reader.whoami()["auth"]["accessToken"]["role"] == "read"
    ticket("hub", "token", "revoke", issued["id"])
    with pytest.raises(Exception, match="Invalid user token"):
        reader.whoami()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_serve_answers_after_three_seconds_of_work_at_most() -> None:
    spent = []
    for _ in range(3):  # what else runs on a machine slows every instruction down
        with contextlib.contextmanager(started)() as (endpoint, token, process):
            wait_for(endpoint, token)
            stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        spent.append((int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"))
    assert min(spent) < 3


def test_serve_ends_when_asked(served: tuple[str, str, subprocess.Popen[str]]) -> None:
    endpoint, token, process = served
    wait_for(endpoint, token)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}


def test_serve_refuses_an_open_address_without_accounts() -> None:
    done = ticket("serve", "--host", "0.0.0.0", "--port", "1", code=13)
    assert "no account" in done.stderr
    assert "ticket hub user add" in done.stderr


def test_accounts_tokens_and_organizations_are_kept() -> None:
    ticket("hub", "user", "add", "ada", "--email", "ada@example.org")
    ticket("hub", "org", "add", "lab")
    ticket("hub", "org", "member", "lab", "ada", "--role", "admin")
    secret = ticket("hub", "token", "create", "ada", "--scope", "write", "--expires", "30d", "-q")
    assert re.fullmatch(r"hf_[\w-]{43}\n", secret.stdout)
    (row,) = parsed("hub", "token", "list")
    assert (row["account"], row["scope"], row["revoked_at"]) == ("ada", "write", None)
    assert row["expires_at"] > row["created_at"]
    assert secret.stdout.strip() not in json.dumps(row)
    ticket("hub", "user", "disable", "ada")
    rows = {row["name"]: row for row in parsed("hub", "user", "list")}
    assert (rows["ada"]["disabled"], rows["lab"]["kind"]) == ("yes", "organization")


def test_damage_is_named_and_gives_an_exit_code(own_home: Path) -> None:
    ticket("hub", "user", "add", "ada")
    (path,) = (own_home / "tickets/hub").glob("hub.sqlite")
    import sqlite3

    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE accounts SET name = 'eve'")
    connection.close()
    (finding,) = parsed("hub", "fsck", code=1)
    assert finding["what"] == "row"
    assert finding["name"].startswith("accounts: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hub", "gc"], "There is no hub"),
        (["hub", "token", "create", "nobody", "--scope", "read"], "There is no hub"),
        (["hub", "token", "create", "a", "--scope", "read", "--expires", "soon"], "30d, 12h or"),
        (["hub", "user", "add", "jobs"], "the hub's own addresses begin with it"),
        (["hub", "user", "add", "a b"], "Use letters, digits"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_remedy(arguments: list[str], message: str) -> None:
    done = run_ticket(*arguments)
    assert done.code != 0
    assert message in done.stderr


def test_migrating_is_safe_to_repeat() -> None:
    first, second = parsed("hub", "migrate"), parsed("hub", "migrate")
    assert first["before"] is None
    assert second["before"] == second["after"] == first["after"]
