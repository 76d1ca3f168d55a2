from __future__ import annotations

import json
import math
from pathlib import Path

import click
import pytest

from ticket_hub.table import Column
from ticket_hub_cli.crash import save_traceback
from ticket_hub_cli.output import CommandOutput, command_line, error, percent

ROWS = [{"name": "a", "density": 1.0, "extra": 1}, {"name": "long", "density": 0.0358, "extra": 2}]
COLUMNS = [Column("name", "NAME"), Column("density", "LEFT", percent, right=True)]


def test_people_see_aligned_columns(capsys: pytest.CaptureFixture[str]) -> None:
    CommandOutput("human").table(ROWS, COLUMNS, name="name")
    assert capsys.readouterr().out.splitlines() == [
        "NAME     LEFT",
        "a     100.00%",
        "long    3.58%",
    ]


def test_people_see_a_dash_where_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [Column("ends", "ENDS"), Column("alive", "ALIVE")]
    CommandOutput("human").table([{"name": "a", "ends": None, "alive": True}], columns, name="name")
    assert capsys.readouterr().out.splitlines() == ["ENDS  ALIVE", "-     yes"]


def test_json_has_every_key_and_plain_values(capsys: pytest.CaptureFixture[str]) -> None:
    value = {
        "path": Path("/x"),
        "nan": math.nan,
        "endless": math.inf,
        "pair": (1, None),
        "deep": {"a": True},
    }
    CommandOutput("json").record(value, name="path")
    assert json.loads(capsys.readouterr().out) == {
        "path": "/x",
        "nan": None,
        "endless": None,
        "pair": [1, None],
        "deep": {"a": True},
    }
    CommandOutput("json").table(ROWS, COLUMNS, name="name")
    assert json.loads(capsys.readouterr().out) == ROWS


def test_a_sentence_beside_rows_is_no_line_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("csv", "jsonl", "json", "quiet"):
        CommandOutput(form).tell("All is done.")
        assert capsys.readouterr().out == ""
    CommandOutput("human").tell("All is done.")
    assert capsys.readouterr().out == "All is done.\n"


def test_quiet_prints_names_and_gives_no_advice(capsys: pytest.CaptureFixture[str]) -> None:
    out = CommandOutput("quiet")
    out.table(ROWS, COLUMNS, name="name")
    out.record({"id": "x", "n": 3}, name="id")
    out.hint("Do this next.")
    captured = capsys.readouterr()
    assert captured.out == "a\nlong\nx\n"
    assert captured.err == ""


def test_advice_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    CommandOutput("json").hint("Do this next.")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Do this next.\n")


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.0358, "3.58%"), (1, "100.00%"), (None, "-"), (math.nan, "-")]
)
def test_fractions_are_shown_as_per_cent(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text


def test_a_traceback_goes_elsewhere_where_the_home_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("TICKET_HOME", str(blocked))
    path = save_traceback(ValueError("why"), ["find"])
    assert path is not None
    assert "ValueError: why" in path.read_text()
    path.unlink()


def test_commands_in_advice_can_be_typed_as_they_stand() -> None:
    assert command_line("ticket", "show", "run:7") == "`ticket show run:7`"
    assert command_line("ticket", "pull", "a/b", hub="/mnt/our lab") == (
        "`ticket pull a/b --hub '/mnt/our lab'`"
    )


@pytest.mark.parametrize(("set_to", "plain"), [("1", True), ("", False)])
def test_nothing_is_bold_or_coloured_where_no_color_is_set(
    set_to: str, *, plain: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", set_to)
    with click.Context(click.Command("x"), color=True):
        CommandOutput("human").table(ROWS, COLUMNS, name="name")
        error("Wrong.", "Mend it.")
    captured = capsys.readouterr()
    assert ["\x1b" not in text for text in captured] == [plain, plain]


def test_csv_and_json_lines_have_a_line_for_each_result(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": "a,b", "n": 1, "deep": [1, {"x": None}]}, {"name": "c", "nan": math.nan}]
    CommandOutput("csv").table(rows, COLUMNS, name="name")
    assert capsys.readouterr().out.splitlines() == [
        "name,n,deep,nan",
        '"a,b",1,"[1, {""x"": null}]",',
        "c,,,",
    ]
    CommandOutput("jsonl").table(rows, COLUMNS, name="name")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        rows[0],
        {"name": "c", "nan": None},
    ]
    CommandOutput("jsonl").record({"a": 1, "b": [2]}, name="a")
    assert capsys.readouterr().out == '{"a": 1, "b": [2]}\n'
    CommandOutput("csv").table([], COLUMNS, name="name")
    assert capsys.readouterr().out == ""
