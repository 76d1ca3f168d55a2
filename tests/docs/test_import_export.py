"""The page about import and export, the commands and the library name the same forms."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.interop.exporters import FORMS
from ticket_hub.interop.importers import FORMATS
from ticket_hub_cli.commands import exports, imports

PAGE = Path(__file__).resolve().parents[2] / "docs/import-export.md"


def test_the_commands_offer_what_the_library_can() -> None:
    assert sorted(FORMATS) == imports.SYSTEMS
    assert sorted(FORMS) == exports.FORMS == sorted(exports.NEXT)


def test_every_form_has_its_row() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in (*FORMATS, *FORMS) if f"\n| `{name}` |" not in page] == []
