"""The page about import and export has a row for every importer and exporter."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.interop.registry import EXPORTERS, IMPORTERS

PAGE = Path(__file__).resolve().parents[2] / "docs/import-export.md"


def test_every_importer_and_exporter_has_its_row() -> None:
    names = [*IMPORTERS.known(), *EXPORTERS.known()]
    assert {"google", "open-lth", "pair", "torch-prune", "vita", "csr", "onnx"} <= {*names}
    page = PAGE.read_text("utf-8")
    assert [name for name in names if f"\n| `{name}` |" not in page] == []
