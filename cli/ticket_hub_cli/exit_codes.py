"""What the exit code of `ticket` says: one table, from kinds of error to numbers."""

from __future__ import annotations

from ticket_hub import errors

__all__ = ["EXIT_CODES", "INTERNAL", "INTERRUPTED", "exit_code", "table"]

INTERNAL = 70
INTERRUPTED = 130

EXIT_CODES: dict[type[errors.TicketHubError], int] = {
    errors.TicketHubError: 1,
    errors.RecipeError: 3,
    errors.NetworkError: 4,
    errors.DataError: 5,
    errors.PruningError: 6,
    errors.TrainingError: 7,
    errors.RunError: 8,
    errors.StorageError: 9,
    errors.BundleError: 10,
    errors.TicketNotFoundError: 11,
    errors.EvidenceError: 12,
    errors.HubError: 13,
    errors.HubNotFoundError: 14,
    errors.HubAccessError: 15,
    errors.HubConflictError: 16,
    errors.HubUnavailableError: 17,
    errors.ImportRefusedError: 18,
    errors.ExportError: 19,
    errors.StoppedError: 75,
}
"""An error has the code of its nearest ancestor in this table. 75 is "try again" (EX_TEMPFAIL)."""

_ALWAYS = {
    0: "all went well",
    2: "the command was called wrongly",
    INTERNAL: "a bug in Ticket Hub; the message says where the details were saved",
    INTERRUPTED: "interrupted (Ctrl-C) where there was nothing to keep",
}


def exit_code(error: errors.TicketHubError) -> int:
    """The exit code for one error."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def table() -> list[tuple[int, str]]:
    """Every exit code with its meaning, sorted."""
    rows = dict(_ALWAYS)
    for kind, code in EXIT_CODES.items():
        meaning = (kind.__doc__ or "").splitlines()[0].rstrip(".")
        rows[code] = meaning[:1].lower() + meaning[1:]
    rows[1] = "any other error that Ticket Hub expects"
    return sorted(rows.items())
