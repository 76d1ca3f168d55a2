"""The tickets of a bundle, as an experiment takes them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ticket_hub.bundle import Bundle, open_bundle
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.content_id import content_digest
from ticket_hub.errors import TicketNotFoundError
from ticket_hub.hub.address import is_repo, parse_address, split_level
from ticket_hub.hub.front import pull_bundle
from ticket_hub.runs.locate import Place, resolve

__all__ = ["Source", "chosen_levels", "open_place", "open_source"]

IN_MEMORY = 8


@dataclass(frozen=True)
class Source:
    """A bundle whose trials are taken in turn: trial t of an experiment is trial t modulo theirs.

    With more trials than the bundle has, a ticket is trained with several data orders, and the
    evidence is about these tickets rather than about the search that found them.

    Attributes:
        bundle: on this machine.
        pulled: `owner/name@commit` where it came from a hub, else empty.
    """

    bundle: Bundle
    pulled: str = ""

    @property
    def id(self) -> str:
        """The bundle's id."""
        return self.bundle.manifest.id

    @property
    def trials(self) -> tuple[int, ...]:
        """The bundle's trials."""
        return tuple(trial.index for trial in self.bundle.manifest.trials)

    @property
    def starts(self) -> tuple[int, ...]:
        """The iteration of its search that theta0 is of, by the bundle's trials."""
        return tuple(trial.start for trial in self.bundle.manifest.trials)

    def origin(self, trial: int) -> int:
        """The bundle's trial whose ticket a trial of an experiment trains."""
        return self.trials[trial % len(self.trials)]

    def ticket_id(self, level: int, trial: int) -> str:
        """What the manifest calls the ticket of a trial of an experiment."""
        record = self.bundle.level(level)
        return next(each.id for each in record.tickets if each.trial == self.origin(trial))

    def ticket(self, level: int, trial: int) -> TicketContent:
        """The ticket of a trial of an experiment, checked.

        Raises:
            TicketNotFoundError, BundleError, NetworkError: as `Bundle.ticket`.
        """
        return self._load(level, self.origin(trial))

    @cached_property
    def theta0(self) -> tuple[str, ...]:
        """The sha256 of the starting weights, by the bundle's trials."""
        return tuple(content_digest(self.bundle.theta0(trial)) for trial in self.trials)

    @cached_property
    def _load(self) -> functools._lru_cache_wrapper[TicketContent]:
        # A cache for each source: one on the method would keep every bundle of this process.
        return functools.lru_cache(maxsize=IN_MEMORY)(self.bundle.ticket)


def open_source(
    place: str, hub: str | Path | None = None, *, otherwise: str | None = None
) -> tuple[Source, tuple[int, ...]]:
    """The bundle and the levels that a text names; what is not on this machine is pulled.

    Args:
        place: `FOLDER`, `RUN`, `RECIPE` or `owner/name[@revision]`, each with `[:level]`.
        hub: where to pull from; see `ticket_hub.pull_bundle`. If it is given, nothing else is
            looked at.
        otherwise: the level where the text names none; None is `best`.

    Raises:
        TicketNotFoundError: there is no such bundle or level.
        HubError, BundleError: as `ticket_hub.pull_bundle`.
    """
    source, level = open_place(place, hub)
    return source, chosen_levels(source.bundle, level or otherwise)


def open_place(place: str, hub: str | Path | None = None) -> tuple[Source, str | None]:
    """The bundle that a text names, and its level as it was written; None where it names none.

    Args:
        place, hub: as in `open_source`; a hub is asked for `owner/name` alone, everything else is
            here. Of a bundle that is pulled, only the tickets of the level come; without one, those
            of the best. The evidence of all levels is there either way.

    Raises:
        TicketNotFoundError: there is no such bundle.
        HubError, BundleError: as `ticket_hub.pull_bundle`.
    """
    named = split_level(place)[0].partition("@")[0]
    found = parse_address(place) if hub is not None and is_repo(named) else resolve(place)
    if isinstance(found, Place):
        return Source(open_bundle(found.bundle)), found.level
    pulled = pull_bundle(found, hub=hub)
    source = Source(open_bundle(pulled.folder), f"{pulled.repo}@{pulled.commit}")
    return source, found.level


def chosen_levels(bundle: Bundle, text: str | None) -> tuple[int, ...]:
    """The pruned levels that `7`, `3,7,11`, `d0.036`, `best` or `all` names, dense first.

    Raises:
        TicketNotFoundError: there is no such level, or it is dense.
    """
    if text == "all":
        found = {level.index for level in bundle.levels if level.tickets and level.density < 1}
    else:
        records = [bundle.level(part) for part in (text or "best").split(",")]
        if any(record.density == 1 for record in records):
            raise TicketNotFoundError(
                "The level is dense, so there is no ticket to compare with its controls.",
                "Name a pruned level behind a colon, such as `:7`, `:3,7,11` or `:all`.",
            )
        found = {record.index for record in records}
    if not found:
        raise TicketNotFoundError(
            "This bundle has no pruned level.", "Let its search go on, or take another bundle."
        )
    return tuple(sorted(found))
