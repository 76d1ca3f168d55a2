"""One table, and each form of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from ticket_hub.table import Column, Table, plain_text

TABLE = Table.of(
    [{"name": "a|b", "weights": 1234, "left": 0.5, "more": 1}, {"name": "<c>", "left": math.inf}],
    [
        Column("name"),
        Column("weights", "kept weights", ",", right=True),
        Column("left", show=lambda share: f"{100 * share:.1f}%", right=True),
    ],
)


def test_people_read_texts_and_a_dash_where_nothing_is_known() -> None:
    assert TABLE.headings == ["name", "kept weights", "left"]
    assert TABLE.texts() == [["a|b", "1,234", "50.0%"], ["<c>", "-", "inf%"]]


def test_csv_has_values_in_full() -> None:
    assert TABLE.csv() == "name,kept weights,left\na|b,1234,0.5\n<c>,,inf\n"


def test_json_has_keys_and_no_infinity() -> None:
    assert TABLE.json() == [
        {"name": "a|b", "weights": 1234, "left": 0.5},
        {"name": "<c>", "weights": None, "left": None},
    ]


def test_markdown_aligns_numbers_and_takes_a_bar_for_a_bar() -> None:
    assert TABLE.markdown().splitlines() == [
        "| name | kept weights | left |",
        "|---|---:|---:|",
        r"| a\|b | 1,234 | 50.0% |",
        "| <c> | - | inf% |",
    ]
    once = Table([Column("name")], [[r"a\|b"]]).markdown()
    assert once.splitlines()[-1] == r"| a\|b |"


def test_html_takes_texts_as_texts() -> None:
    html = TABLE.html()
    assert '<th scope="col">kept weights</th>' in html
    assert "<td>&lt;c&gt;</td><td>-</td>" in html


def test_the_fields_of_a_dataclass_are_columns() -> None:
    @dataclass
    class Row:
        level: int
        density: float | None = None

    table = Table.of_fields(Row, [Row(3, 0.25), Row(4)])
    assert table.csv() == "level,density\n3,0.25\n4,\n"
    assert Table.of_fields(Row, []).csv() == "level,density\n"


def test_rows_as_wide_as_the_columns_are_asked_for() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Table([Column("a"), Column("b")], [[1]]).texts()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        ([1, None], "1, -"),
        ({"a": False}, "a no"),
        ("", ""),
    ],
)
def test_a_value_without_a_form_is_plain_text(value: object, text: str) -> None:
    assert plain_text(value) == text
    assert Column("a", show=".2f").text(value) == text
