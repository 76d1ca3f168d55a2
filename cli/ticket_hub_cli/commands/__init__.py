"""The commands, one module each; help shows them in this order."""

from __future__ import annotations

__all__ = ["SECTIONS"]

_HERE = "ticket_hub_cli.commands"

SECTIONS = {
    "Find tickets": {
        "recipes": f"{_HERE}.recipes",
    },
    "Help": {
        "completion": f"{_HERE}.completion",
    },
}
