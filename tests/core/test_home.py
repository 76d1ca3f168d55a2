from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from ticket_hub import home
from ticket_hub.errors import StorageError
from ticket_hub_cli.main import run


def test_the_user_names_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKET_HOME", "/somewhere/tickets")
    monkeypatch.setenv("TICKET_DATA", "/somewhere/data")
    assert home.runs_folder() == Path("/somewhere/tickets/runs")
    assert home.data_folder() == Path("/somewhere/data")


def test_a_tilde_is_the_users_home_folder_also_where_no_shell_sees_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TICKET_HOME", "~/tickets")
    monkeypatch.setenv("TICKET_DATA", "~/data")
    assert home.ticket_home() == tmp_path / "tickets"
    assert home.data_folder() == tmp_path / "data"


def test_without_a_name_the_platforms_folders_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TICKET_HOME")
    monkeypatch.delenv("TICKET_DATA", raising=False)
    assert home.ticket_home().name == "ticket-hub"
    assert home.data_folder().name == "torchvision"


NOBODY = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "TICKET_HOME", "TICKET_DATA")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with neither a name nor a home, as in a container run with a number."""
    import pwd

    def unknown(who: object) -> None:
        raise KeyError(who)

    for name in (*NOBODY, "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("folder", [home.ticket_home, home.data_folder, home.cache_folder])
def test_a_user_without_a_home_is_told_what_to_set(folder: Callable[[], Path]) -> None:
    with pytest.raises(StorageError, match=r"no home folder.*TICKET_HOME.*TICKET_DATA"):
        folder()


@pytest.mark.usefixtures("nobody")
def test_a_user_without_a_name_is_called_by_number() -> None:
    assert home.user_name() == f"user-{os.getuid()}"


@pytest.mark.usefixtures("nobody")
def test_without_a_home_even_a_bug_ends_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command("fail")
    def fail() -> None:
        raise ZeroDivisionError

    assert run(["list"]) == 9
    assert "TICKET_HOME" in capsys.readouterr().err
    assert run(["fail"], click.Group("ticket", commands=[fail])) == 70
    assert "The details are in" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["TICKET_HOME", "TICKET_DATA"])
def test_a_tilde_of_nobody_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "~nobody-of-this-name/tickets")
    with pytest.raises(StorageError, match=r"~nobody-of-this-name.*does not know"):
        home.ticket_home() if name == "TICKET_HOME" else home.data_folder()


def test_a_tilde_of_nobody_is_no_bug_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "~nobody-of-this-name/run"]) == 9
    assert "does not know" in capsys.readouterr().err


def test_a_home_that_is_not_utf8_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TICKET_HOME", os.fsdecode(b"/tmp/tickets-\xe9"))
    with pytest.raises(StorageError, match=r"TICKET_HOME .*not UTF-8"):
        home.runs_folder()
