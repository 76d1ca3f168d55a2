"""What the exit code of a process says: one table, from kinds of error to numbers."""

from __future__ import annotations

from ticket_hub import errors

__all__ = ["EXIT_CODES", "INTERNAL", "exit_code"]

INTERNAL = 70
"""A bug."""

EXIT_CODES: dict[type[errors.TicketHubError], int] = {
    errors.TicketHubError: 1,
    errors.RecipeError: 3,
    errors.NetworkError: 4,
    errors.PluginError: 22,
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
    errors.EngineError: 20,
    errors.NotReproducedError: 21,
    errors.SignatureError: 23,
    errors.StoppedError: 75,
}
"""An error has the code of its nearest ancestor in this table. 75 is "try again" (EX_TEMPFAIL)."""


def exit_code(error: errors.TicketHubError) -> int:
    """The exit code for one error."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
