from __future__ import annotations

from pathlib import Path

import pytest

from ticket_hub import home


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
