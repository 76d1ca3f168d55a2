"""The target's own ticket: what a search on the target data themselves has found.

It is given by the user, and has to be of the same network, found on the same data, and about as
dense as the ticket that it is compared with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.bundle import Bundle
from ticket_hub.errors import EvidenceError
from ticket_hub.transfer.source import Source, open_source
from ticket_hub.transfer.spec import ExperimentSpec
from ticket_hub.types import Architecture

__all__ = ["TOLERANCE", "Own", "open_own"]

TOLERANCE = 0.1
"""How far the densities may be apart, as a share of the ticket's."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """The target's own tickets.

    Attributes:
        source: the bundle they are in.
        levels: level of the ticket -> level of the own ticket that it is compared with.
    """

    source: Source
    levels: Mapping[int, int]


def open_own(
    place: str,
    hub: str | Path | None,
    *,
    source: Source,
    levels: Sequence[int],
    spec: ExperimentSpec,
) -> Own:
    """Open the target's own tickets, and find the one for each level.

    Args:
        place: as `ticket_hub.transfer.source.open_source` takes it; a level in it is taken for
            every level of the ticket, else the nearest density is.
        source, levels: the tickets that are transferred.
        spec: of the experiment.

    Raises:
        TicketNotFoundError, HubError, BundleError: it cannot be had.
        EvidenceError: it is of another network or other data, or not about as dense.
    """
    own, chosen = open_source(place, hub, otherwise="all")
    if own.bundle.manifest.theta0 == "signs":
        raise EvidenceError(
            "The own ticket has the signs of theta0 only.", "Take a bundle with all of theta0."
        )
    found_on, data = own.bundle.manifest.data.name, spec.data.name
    if found_on != data:
        raise EvidenceError(
            f"The target's own ticket was found on {found_on!r}, and the target is {data!r}.",
            "Name a ticket that a search on the target has found.",
        )
    # Classes do not count: the ticket's head is of the data that it was found on.
    networks = [
        dataclasses.replace(each.architecture, classes=1) for each in (own.bundle, source.bundle)
    ]
    if spec.images == "keep":
        # Nor does the size, where images keep theirs: weights do not depend on it then.
        networks = [dataclasses.replace(each, height=1, width=1) for each in networks]
    if networks[0] != networks[1]:
        names = [_described(each.architecture) for each in (own.bundle, source.bundle)]
        raise EvidenceError(
            f"The target's own ticket is of another network: {names[0]}, not {names[1]}.",
            "Compare tickets of one network that takes images of one shape.",
        )
    return Own(
        source=own,
        levels={level: _nearest(own.bundle, chosen, source.bundle, level) for level in levels},
    )


def _described(architecture: Architecture) -> str:
    channels, height, width = architecture.input_shape
    options = "".join(f", {name} {value}" for name, value in architecture.options)
    return f"{architecture.name}{options} for images of {channels}x{height}x{width}"


def _nearest(own: Bundle, chosen: Sequence[int], bundle: Bundle, level: int) -> int:
    density = bundle.level(str(level)).density
    gaps = {each: abs(own.level(str(each)).density - density) for each in chosen}
    nearest = min(gaps, key=lambda each: gaps[each])
    if gaps[nearest] > TOLERANCE * density:
        raise EvidenceError(
            f"At level {level} the ticket keeps {density:.2%} of its weights, and the target's own "
            f"ticket {own.level(str(nearest)).density:.2%} at best.",
            f"They may be {TOLERANCE:.0%} apart: name other levels, or search on.",
        )
    return nearest
