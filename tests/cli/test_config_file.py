"""A user's own defaults of options: what comes before what, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.commands import Ran
from ticket_hub.hub.folder import FolderHub

Ticket = Callable[..., Ran]
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the user's file."""

    def written(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, "utf-8")
        monkeypatch.setenv("TICKET_CONFIG", str(path))
        return path

    return written


def test_the_command_line_is_before_the_file_and_a_command_before_all(
    write: Write, ticket: Ticket
) -> None:
    write('format = "csv"\n[recipes]\nformat = "json"\n')
    assert ticket("recipes").stdout.startswith("[\n")
    assert ticket("list").stdout == ""
    assert ticket("recipes", "--format", "jsonl").stdout.startswith('{"name"')


def test_the_environment_is_before_the_file(
    write: Write, ticket: Ticket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    write(f'hub = "{ours}"')
    assert str(ours) in ticket("info", "ann/none").stderr
    monkeypatch.setenv("TICKET_HUB", str(theirs))
    assert str(theirs) in ticket("info", "ann/none").stderr
    assert str(ours) in ticket("info", "ann/none", "--hub", str(ours)).stderr


def test_a_list_is_for_what_may_be_given_again(write: Write, ticket: Ticket) -> None:
    write('[find]\nlog = ["nothing-like-it"]\n')
    refused = ticket("find", "digits-quick", "--dry-run")
    assert refused.code == 2
    assert "'nothing-like-it'" in refused.stderr
    path = write('hub = ["a", "b"]')
    assert f"{path}: 'hub' takes one value, not 2." in ticket("info", "ann/none").stderr


def test_a_value_that_is_refused_is_said_to_be_of_the_file(write: Write, ticket: Ticket) -> None:
    path = write("workers = 0")
    refused = ticket("find", "digits-quick", "--dry-run")
    assert refused.code == 2
    assert "'--workers': 0 is not in the range" in refused.stderr
    assert f"The value is from {path}, not from the command line." in refused.stderr
    assert str(path) not in ticket("find", "digits-quick", "--workers", "0").stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('devcie = "cpu"', "no command has an option 'devcie'. The nearest is 'device'."),
        ("[fnd]\nworkers = 1", "there is no command 'fnd'. The nearest is 'find'."),
        ("[list]\nworker = 1", "`ticket list` has no option 'worker'. The nearest is "),
        ("workers =", "cannot be read as TOML"),
    ],
)
def test_a_key_that_is_nothing_is_refused_with_the_nearest(
    text: str, said: str, write: Write, ticket: Ticket
) -> None:
    path = write(text)
    refused = ticket("list")
    assert refused.code == 2
    assert str(path) in refused.stderr
    assert said in refused.stderr


def test_an_option_of_another_command_is_no_fault(write: Write, ticket: Ticket) -> None:
    write('license = "apache-2.0"\nport = 8000')
    assert ticket("list").code == 0


def test_help_says_what_the_file_sets(write: Write, ticket: Ticket) -> None:
    path = write('device = "cpu"\nworkers = 3')
    told = ticket("find", "--help").stdout
    section = told[told.index(f"Defaults of {path}") :]
    assert "--device   cpu" in section
    assert "--workers  3" in section
    assert str(path) in ticket("--help").stdout
    assert "Defaults of" not in ticket("list", "--help").stdout


def test_a_file_that_is_named_and_missing_is_refused(
    tmp_path: Path, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_CONFIG", str(tmp_path / "none.toml"))
    assert "where there is no file" in ticket("list").stderr
    monkeypatch.delenv("TICKET_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert ticket("list").code == 0
    (tmp_path / "ticket-hub").mkdir()
    (tmp_path / "ticket-hub/config.toml").write_text('format = "json"')
    assert ticket("list").stdout == "[]\n"


def test_a_licence_of_the_file_is_for_cards_that_name_none(
    write: Write, ticket: Ticket, tmp_path: Path, found: Path
) -> None:
    import shutil

    hub, bundle = tmp_path / "hub", tmp_path / "bundle"
    shutil.copytree(found / "bundle", bundle)
    write(f'hub = "{hub}"\nlicense = "cc-by-4.0"')
    assert ticket("push", str(bundle), "ann/digits").code == 0
    assert "license: cc-by-4.0" in (bundle / "README.md").read_text("utf-8")
    write(f'hub = "{hub}"\nlicense = "mit"')
    assert ticket("push", str(bundle), "ann/digits").code == 0
    assert "license: cc-by-4.0" in (bundle / "README.md").read_text("utf-8")


def test_a_key_that_is_a_commands_name_too_is_the_option_where_it_is_no_table(
    write: Write, ticket: Ticket, tmp_path: Path
) -> None:
    """`hub` and `import` are keys of the page's own example."""
    (tmp_path / "no weights").write_text("")
    write(f'hub = "{tmp_path / "lab"}"\nimport = []\n')
    assert ticket("hub", "user", "add", "ada").code == 0
    assert ticket("import", str(tmp_path / "no weights"), "--out", "x").code == 18
    # What removes is never turned to another hub by a default.
    FolderHub(tmp_path / "lab")
    shown = ticket("hub", "gc", "--dry-run", "--format", "json")
    assert json.loads(shown.stdout)["xorbs"] == 0
    assert ticket("hub", "gc", "--dry-run", "--hub", str(tmp_path / "none")).code == 14
    write('[hub]\nuser = "x"\n')
    assert "`ticket hub` has no option 'user'" in ticket("hub", "gc").stderr


@pytest.mark.parametrize(
    "call",
    [
        ("verify", "x", "--trials", "2"),
        ("verify", "x", "--replay", "--to", "ann/x"),
        ("push", "x", "ann/x", "--by", "Ann"),
        ("push", "x", "ann/x", "--key", "ann"),
        ("reproduce", "--by", "Ann"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused_where_it_is_typed(
    write: Write, ticket: Ticket, call: tuple[str, ...]
) -> None:
    write(f'[{call[0]}]\n{call[-2][2:]} = "{call[-1]}"\n')
    assert "does nothing" not in ticket(*call[:-2]).stderr
    refused = ticket(*call)
    assert refused.code == 2
    assert f"{call[-2]} does nothing without --" in refused.stderr
