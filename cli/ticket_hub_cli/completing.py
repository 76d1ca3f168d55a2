"""What the shell completes where names stand in lists, or behind a colon."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

__all__ = ["DATASET", "DATASETS", "in_list", "levels_of"]


def in_list(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Names for the last place of a list with commas between, of those that are not in it yet."""
    before, comma, last = incomplete.rpartition(",")
    there = {name.strip() for name in before.split(",")}
    fitting = sorted(name for name in names if name not in there and name.startswith(last))
    return [CompletionItem(f"{before}{comma}{name}") for name in fitting]


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


class DataSetName(click.ParamType[str]):
    """The name of a data set, or several with commas between; any text may be one.

    Args:
        several: whether it is a list.
    """

    name = "text"

    def __init__(self, *, several: bool = False) -> None:
        self._several = several

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that are registered, plugins' too."""
        del ctx, param
        from ticket_hub.data.registry import data_names

        if self._several:
            return in_list(data_names(), incomplete)
        return [CompletionItem(name) for name in data_names() if name.startswith(incomplete)]


DATASET = DataSetName()
DATASETS = DataSetName(several=True)
