"""Figures of a ticket's evidence: those of `ticket report`, drawn once and kept by content."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Callable, Mapping
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

__all__ = ["KINDS", "Kind", "draw", "policy"]

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
"""Every figure by the last part of its address."""


async def draw(services: Services, evidence: Evidence, kind: Kind) -> bytes:
    """A figure as SVG whose colours follow the page; drawn in a thread where it is not kept yet.

    Raises:
        ApiError: 404, the evidence has nothing for this figure.
        BundleError: it breaks the format.
    """
    folder = services.settings.folder / "figures"
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_ONE_AT_A_TIME, _drawn, folder, evidence, kind)


def _drawn(folder: Path, evidence: Evidence, kind: Kind) -> bytes:
    name = f"{__version__} {evidence.digest} {kind.name} {kind.width}"
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()}.svg"
    with contextlib.suppress(OSError):
        return path.read_bytes()
    data = _draw(evidence, kind)
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


def _draw(evidence: Evidence, kind: Kind) -> bytes:
    from ticket_hub.report.illustrate import adaptive_svg

    with evidence.opened() as bundle:
        return adaptive_svg(_FIGURES[kind.name](bundle, kind.width)).encode()


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
