from __future__ import annotations

from pathlib import Path

from ticket_hub_cli.reference import reference

PAGE = Path(__file__).resolve().parents[2] / "cli/README.md"


def test_the_command_reference_is_what_the_commands_say() -> None:
    assert PAGE.read_text("utf-8") == reference(), (
        "Write it again: python -m ticket_hub_cli.reference > cli/README.md"
    )
