"""What the shell completes where names stand in lists, or behind a colon."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

__all__ = ["DATASET", "DATASETS", "CompletedName", "in_list", "levels_of"]


def in_list(names: Iterable[str], incomplete: str) -> list[str]:
    """The list with commas between that is typed, with each name at its end that it lacks."""
    before, comma, _ = incomplete.rpartition(",")
    there = {name.strip() for name in before.split(",")}
    return [f"{before}{comma}{name}" for name in sorted(names) if name not in there]


def levels_of(incomplete: str) -> list[CompletionItem]:
    """Levels of a ticket that is here, behind the colon: numbers, `best`, `all`."""
    from ticket_hub.bundle.encoding import decode
    from ticket_hub.bundle.layout import MANIFEST
    from ticket_hub.errors import TicketHubError
    from ticket_hub.hub.cache import Cache
    from ticket_hub.runs.locate import locate

    place, _, level = incomplete.rpartition(":")
    names: list[str] = []
    # A shell would show an error in the middle of the line that is typed.
    with contextlib.suppress(TicketHubError, OSError):
        manifest = decode((locate(place, cache=Cache()).bundle / MANIFEST).read_bytes())
        names = ["best", "all", *(str(each.index) for each in manifest.levels if each.tickets)]
    return [CompletionItem(f"{place}:{name}") for name in names if name.startswith(level)]


class CompletedName(click.ParamType[str], ABC):
    """A name that the shell completes."""

    name = "text"
    path_kind = ""
    """Where no name fits, the shell completes paths of this kind, `file` or `dir`, if any."""

    @abstractmethod
    def names(self, incomplete: str) -> Iterable[str]:
        """The names to choose from, of which those are offered that begin like what is typed."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin like what is typed, or else paths."""
        del ctx, param
        known = self.names(incomplete)
        found = [CompletionItem(name) for name in known if name.startswith(incomplete)]
        paths = [CompletionItem(incomplete, type=self.path_kind)] if self.path_kind else []
        return found or paths


class DataSetName(CompletedName):
    """The name of a data set, or several with commas between; any text may be one.

    Args:
        several: whether it is a list.
    """

    def __init__(self, *, several: bool = False) -> None:
        self._several = several

    def names(self, incomplete: str) -> Iterable[str]:
        """The names that are registered, plugins' too."""
        from ticket_hub.data.registry import data_names

        return in_list(data_names(), incomplete) if self._several else data_names()


DATASET = DataSetName()
DATASETS = DataSetName(several=True)
