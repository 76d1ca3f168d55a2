"""Figures of tickets: those of `ticket report` and `ticket compare`, drawn once and kept."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub import __version__
from ticket_hub.durable import write_bytes
from ticket_hub.errors import StorageError
from ticket_hub.report.sizes import PER_INCH
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.catalog.comparing import compare_named
from ticket_hub_api.errors import ApiError
from ticket_hub_api.pages.contents import EvidenceFiles
from ticket_hub_api.store.objects import open_content
from ticket_hub_api.torch_process import OpenHub

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ticket_hub.bundle import Bundle

__all__ = ["COMPARED", "KINDS", "MASK", "FigureKind", "draw", "draw_compared", "policy"]

MASK = "mask"
WIDE, NARROW = 9.0, 4.6
MAX_KEPT = 4000
_ONE_AT_A_TIME = ThreadPoolExecutor(1, "figures")  # matplotlib's settings belong to the process


@dataclass(frozen=True, kw_only=True)
class FigureKind:
    """What is drawn, and how wide, in inches."""

    name: str
    width: float


KINDS: Mapping[str, FigureKind] = {
    f"{name}{suffix}.svg": FigureKind(name=name, width=width)
    for name in ("ladder", "curves", "differences", MASK)
    for suffix, width in (("", WIDE), ("-narrow", NARROW))
}
"""Every figure of a ticket by the last part of its address."""

COMPARED: Mapping[str, float] = {"tickets.svg": WIDE, "tickets-narrow.svg": NARROW}
"""The width, in inches, of the figure of a comparison by the last part of its address."""


async def draw(hub: OpenHub, evidence: EvidenceFiles, kind: FigureKind) -> bytes:
    """A figure as SVG whose colours follow the page; drawn where it is not kept yet.

    Raises:
        ApiError: 404, the evidence has nothing for this figure.
        BundleError: it breaks the format.
    """
    name = f"{evidence.digest} {kind.name} {kind.width}"
    contents = {path: content.sha256 for path, content in evidence.files.items()}
    return await _kept(hub, name, _draw_ticket, contents, kind)


async def draw_compared(
    hub: OpenHub, viewer: Principal, names: Sequence[str], width: float
) -> bytes:
    """Tickets against density beside each other, as SVG whose colours follow the page.

    Args:
        names: of tickets whose contents never change, and which the viewer may see.
        width: in inches.

    Raises:
        ApiError: 404, fewer than two have something to draw.
        BundleError: a bundle cannot be read. EvidenceError: nothing was measured in one.
    """
    name = f"{' '.join(names)} compared {width}"
    return await _kept(hub, name, _draw_comparison, viewer, names, width)


async def _kept(
    hub: OpenHub, name: str, make: Callable[..., Figure | str], *arguments: object
) -> bytes:
    # Another version may draw the same evidence otherwise.
    digest = hashlib.sha256(f"{__version__} {name}".encode()).hexdigest()
    path = hub.settings.folder / "figures" / f"{digest}.svg"

    def found() -> bytes:
        """The kept figure, or a new one."""
        with contextlib.suppress(OSError):
            return path.read_bytes()
        return hub.torch_process.call(_drawn, path, make, arguments)

    return await asyncio.get_running_loop().run_in_executor(_ONE_AT_A_TIME, found)


def _drawn(
    hub: OpenHub, path: Path, make: Callable[..., Figure | str], arguments: tuple[object, ...]
) -> bytes:
    from ticket_hub.report.illustrate import adaptive_svg, adaptive_text

    made = make(hub, *arguments)
    data = (adaptive_text(made) if isinstance(made, str) else adaptive_svg(made)).encode()
    with contextlib.suppress(StorageError):  # it is drawn again the next time
        write_bytes(path, data)
        _forget_oldest(path.parent)
    return data


def _forget_oldest(folder: Path) -> None:
    """Keep the folder small: over its limit, the older half goes."""
    kept = list(folder.glob("*.svg"))
    if len(kept) > MAX_KEPT:
        for path in sorted(kept, key=lambda path: path.stat().st_mtime)[: len(kept) // 2]:
            path.unlink(missing_ok=True)


def _draw_ticket(hub: OpenHub, contents: Mapping[str, str], kind: FigureKind) -> Figure | str:
    with hub.database.read() as connection:
        files = {path: open_content(hub, connection, contents[path]) for path in contents}
    with EvidenceFiles(digest="", files=files).opened() as bundle:
        if kind.name == MASK:
            return _mask(bundle, round(kind.width * PER_INCH))
        return _FIGURES[kind.name](bundle, kind.width)


def _draw_comparison(hub: OpenHub, viewer: Principal, names: Sequence[str], width: float) -> Figure:
    from ticket_hub.report.figures import tickets_figure

    ladders = compare_named(hub, viewer, names).ladders()
    if len(ladders) < 2:  # noqa: PLR2004 - one has its own page
        raise ApiError(404, "There are not two tickets here to draw.")
    return tickets_figure(ladders, width=width)


def _mask(bundle: Bundle, width: int) -> str:
    from ticket_hub.report.mask_picture import mask_picture

    chosen, network = bundle.default, bundle.manifest.architecture
    mask = bundle.mask(chosen.level, chosen.trial)
    image = (network.channels, network.height, network.width)
    return mask_picture({name: keep.numpy() for name, keep in mask.items()}, image, width)


def _ladder(bundle: Bundle, width: float) -> Figure:
    from ticket_hub.comparison.bundles import subject
    from ticket_hub.report.figures import ladder_figure

    return ladder_figure(subject(bundle).ladder, width=width)


def _curves(bundle: Bundle, width: float) -> Figure:
    from ticket_hub.comparison.bundles import subject
    from ticket_hub.report.learning import curves_figure

    return curves_figure(subject(bundle).ladder, width=width)


def _differences(bundle: Bundle, width: float) -> Figure:
    from ticket_hub.comparison.studies import judged_levels
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


def policy(figure: bytes) -> str:
    """What a figure may do: look as its own style sheet says, and nothing else.

    Args:
        figure: as `draw` gives it, with one style sheet, before everything else.
    """
    style = figure.partition(b"<style>")[2].partition(b"</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    )
