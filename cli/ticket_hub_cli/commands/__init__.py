"""The commands, one module each; help shows them in this order."""

from __future__ import annotations

__all__ = ["SECTIONS"]

_HERE = "ticket_hub_cli.commands"

SECTIONS = {
    "Find tickets": {
        "find": f"{_HERE}.find",
        "recipes": f"{_HERE}.recipes",
        "data": f"{_HERE}.data",
        "reproduce": f"{_HERE}.reproduce",
    },
    "Use tickets": {
        "retrain": f"{_HERE}.retrain",
        "transfer": f"{_HERE}.transfer",
    },
    "Look at tickets": {
        "list": f"{_HERE}.list",
        "watch": f"{_HERE}.watch",
        "rm": f"{_HERE}.rm",
        "show": f"{_HERE}.show",
        "verify": f"{_HERE}.verify",
        "report": f"{_HERE}.report",
        "compare": f"{_HERE}.compare",
        "measure": f"{_HERE}.measure",
        "analyze": f"{_HERE}.analyze",
    },
    "In and out": {
        "import": f"{_HERE}.imports",
        "export": f"{_HERE}.exports",
    },
    "Share tickets": {
        "ui": f"{_HERE}.ui",
        "push": f"{_HERE}.push",
        "pull": f"{_HERE}.pull",
        "search": f"{_HERE}.search",
        "best": f"{_HERE}.best",
        "info": f"{_HERE}.info",
        "cite": f"{_HERE}.cite",
        "tag": f"{_HERE}.tag",
        "delete": f"{_HERE}.delete",
        "cache": f"{_HERE}.cache",
    },
    "Vouch for tickets": {
        "keygen": f"{_HERE}.keygen",
        "sign": f"{_HERE}.sign",
        "trust": f"{_HERE}.trust",
        "provenance": f"{_HERE}.provenance",
    },
    "Run a hub": {
        "serve": f"{_HERE}.serve",
        "worker": f"{_HERE}.worker",
        "hub": f"{_HERE}.hub",
    },
    "Help": {
        "completion": f"{_HERE}.completion",
    },
}
"""Heading of the help -> its commands."""
