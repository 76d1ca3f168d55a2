"""What the exit code of `ticket` says, as a table for people."""

from __future__ import annotations

from ticket_hub.exit_codes import EXIT_CODES, INTERNAL, exit_code

__all__ = ["EXIT_CODES", "INTERNAL", "INTERRUPTED", "SMOKE_RUN", "exit_code", "table"]

INTERRUPTED = 130
"""As shells have it for SIGINT."""
SMOKE_RUN = 24
"""Of `ticket reproduce --budget smoke`, so that no program takes it for a verdict."""

_ALWAYS = {
    0: "all went well",
    2: "the command was called wrongly",
    SMOKE_RUN: "a smoke run of a claim came through: all works, and it is not a verdict",
    INTERNAL: "a bug in Ticket Hub; the message says where the details were saved",
    INTERRUPTED: "interrupted (Ctrl-C) where there was nothing to keep",
}


def table() -> list[tuple[int, str]]:
    """Every exit code with its meaning, sorted."""
    rows = dict(_ALWAYS)
    for kind, code in EXIT_CODES.items():
        meaning = (kind.__doc__ or "").splitlines()[0].rstrip(".")
        rows[code] = meaning[:1].lower() + meaning[1:]
    rows[1] = "any other error that Ticket Hub expects"
    return sorted(rows.items())
