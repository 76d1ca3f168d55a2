"""What lies on this machine, on the same pages as a hub's: for whoever works alone."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.errors import HubError, TicketHubError
from ticket_hub.hub.builtin import BUILTIN, builtin_folder, builtin_names
from ticket_hub.hub.cache import Cache
from ticket_hub.project import install_extra
from ticket_hub.runs.file_names import EVIDENCE
from ticket_hub.runs.listing import list_runs

__all__ = ["RUNS", "ShownHere", "shown_here", "ui_pages"]

RUNS = "local"
"""Stands before the name of a run where pages need an owner."""
Report = Callable[[TicketHubError], object]
_ODD = re.compile(r"[^A-Za-z0-9._-]+|-{2,}|\.{2,}")
_MAX_NAME = 96


@dataclass(frozen=True, kw_only=True)
class ShownHere:
    """What the pages show.

    Attributes:
        bundles: `owner/name` -> folder. Runs are named `local/RUN`, those of the package
            `builtin/NAME`, and what was pulled as on its hub.
        evidence: folders of experiments with these tickets.
    """

    bundles: dict[str, Path]
    evidence: tuple[Path, ...]


def shown_here(runs: Path | None = None, cache: Cache | None = None) -> ShownHere:
    """The runs, experiments and pulled tickets of this machine, and those of the package.

    Args:
        runs: the folder of runs; by default the user's.
        cache: of what was pulled; by default the user's.
    """
    found = {
        f"builtin/{name.removeprefix(BUILTIN)}": folder
        for name in builtin_names()
        if (folder := builtin_folder(name)) is not None
    }
    for each in (cache or Cache()).bundles():
        found[each.repo] = each.folder
    evidence = []
    for run in list_runs(runs, experiments=True):
        if run.bundle is not None:
            name = _ODD.sub("-", run.path.name).strip("-.")[:_MAX_NAME]
            found.setdefault(f"{RUNS}/{name}", run.bundle)
        elif (run.path / EVIDENCE).is_file():
            evidence.append(run.path)
    return ShownHere(bundles=found, evidence=tuple(evidence))


def ui_pages(
    *, runs: Path | str | None = None, report: Report | None = None
) -> AbstractContextManager[str]:
    """Show what is on this machine on a hub's pages, to this machine alone; gives their address.

    The pages are read-only and know no accounts. They show what is there when they begin, of
    which they keep a copy until they end.

    Args:
        runs: the folder of runs; by default the user's.
        report: is told of each bundle and experiment that cannot be shown.

    Raises:
        HubError: the packages of the service are not installed.
    """
    try:
        operation = importlib.import_module("ticket_hub_api.operation")
    except ImportError as error:
        raise HubError(
            f"The pages need a package that is not installed: {error.name}.",
            f"Install it with `{install_extra('serve')}`.",
        ) from error
    return _pages(operation.local_pages, runs, report)


@contextlib.contextmanager
def _pages(
    serve: Callable[..., AbstractContextManager[str]],
    runs: Path | str | None,
    report: Report | None,
) -> Iterator[str]:
    found = shown_here(None if runs is None else Path(runs))
    tables = [json.loads((folder / EVIDENCE).read_bytes()) for folder in found.evidence]
    with serve(found.bundles, tables, report=report or (lambda _: None)) as address:
        yield address
