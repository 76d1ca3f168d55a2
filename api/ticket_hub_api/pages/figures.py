"""Figures of tickets: those of `ticket report` and `ticket compare`, drawn once and kept."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub import __version__
from ticket_hub.durable import write_bytes
from ticket_hub.errors import StorageError
from ticket_hub_api.errors import ApiError
from ticket_hub_api.pages.contents import Evidence
from ticket_hub_api.services import Services

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ticket_hub.bundle import Bundle
    from ticket_hub.report.comparison import Compared

__all__ = ["COMPARED", "KINDS", "Kind", "draw", "draw_compared", "policy"]

WIDE, NARROW = 9.0, 4.6
MOST_KEPT = 4000
_ONE_AT_A_TIME = ThreadPoolExecutor(1, "figures")  # matplotlib's settings belong to the process


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is drawn, and how wide, in inches."""

    name: str
    width: float


KINDS: Mapping[str, Kind] = {
    f"{name}{suffix}.svg": Kind(name=name, width=width)
    for name in ("ladder", "curves", "differences")
    for suffix, width in (("", WIDE), ("-narrow", NARROW))
}
"""Every figure of a ticket by the last part of its address."""

COMPARED: Mapping[str, float] = {"tickets.svg": WIDE, "tickets-narrow.svg": NARROW}
"""The width, in inches, of the figure of a comparison by the last part of its address."""


async def draw(services: Services, evidence: Evidence, kind: Kind) -> bytes:
    """A figure as SVG whose colours follow the page; drawn in a thread where it is not kept yet.

    Raises:
        ApiError: 404, the evidence has nothing for this figure.
        BundleError: it breaks the format.
    """
    name = f"{evidence.digest} {kind.name} {kind.width}"
    return await _kept(services, name, lambda: _of_ticket(evidence, kind))


async def draw_compared(
    services: Services, names: Sequence[str], compared: Callable[[], Compared], width: float
) -> bytes:
    """Tickets against density beside each other, as `draw`.

    Args:
        names: of tickets whose contents never change.
        compared: makes what is drawn; called where no figure is kept.
        width: in inches.

    Raises:
        ApiError: 404, fewer than two have something to draw.
        BundleError, EvidenceError: as `compared`.
    """
    name = f"{' '.join(names)} compared {width}"
    return await _kept(services, name, lambda: _of_comparison(compared(), width))


async def _kept(services: Services, name: str, make: Callable[[], Figure]) -> bytes:
    folder = services.settings.folder / "figures"
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_ONE_AT_A_TIME, _drawn, folder, name, make)


def _drawn(folder: Path, name: str, make: Callable[[], Figure]) -> bytes:
    from ticket_hub.report.illustrate import adaptive_svg

    path = folder / f"{hashlib.sha256(f'{__version__} {name}'.encode()).hexdigest()}.svg"
    with contextlib.suppress(OSError):
        return path.read_bytes()
    data = adaptive_svg(make()).encode()
    with contextlib.suppress(StorageError):  # it is drawn again the next time
        write_bytes(path, data)
        _forget_oldest(folder)
    return data


def _forget_oldest(folder: Path) -> None:
    """Keep the folder small: over its limit, the older half goes."""
    kept = list(folder.glob("*.svg"))
    if len(kept) > MOST_KEPT:
        for path in sorted(kept, key=lambda path: path.stat().st_mtime)[: len(kept) // 2]:
            path.unlink(missing_ok=True)


def _of_ticket(evidence: Evidence, kind: Kind) -> Figure:
    with evidence.opened() as bundle:
        return _FIGURES[kind.name](bundle, kind.width)


def _of_comparison(compared: Compared, width: float) -> Figure:
    from ticket_hub.report.figures import tickets_figure

    ladders = compared.ladders()
    if len(ladders) < 2:  # noqa: PLR2004 - one has its own page
        raise ApiError(404, "There are not two tickets here to draw.")
    return tickets_figure(ladders, width=width)


def _ladder(bundle: Bundle, width: float) -> Figure:
    from ticket_hub.report.bundles import subject
    from ticket_hub.report.figures import ladder_figure

    return ladder_figure(subject(bundle).ladder, width=width)


def _curves(bundle: Bundle, width: float) -> Figure:
    from ticket_hub.report.bundles import subject
    from ticket_hub.report.learning import curves_figure

    return curves_figure(subject(bundle).ladder, width=width)


def _differences(bundle: Bundle, width: float) -> Figure:
    from ticket_hub.report.bundles import judged_levels
    from ticket_hub.report.forest import differences_figure

    judged = judged_levels(bundle)
    if not judged:
        raise ApiError(404, "No control was trained beside these tickets.")
    return differences_figure(judged, width=width)


_FIGURES: Mapping[str, Callable[[Bundle, float], Figure]] = {
    "ladder": _ladder,
    "curves": _curves,
    "differences": _differences,
}


@cache
def policy() -> str:
    """What a figure may do: look as its own style sheet says, and nothing else."""
    from ticket_hub.report.illustrate import ADAPTIVE_STYLE

    digest = base64.b64encode(hashlib.sha256(ADAPTIVE_STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    )
