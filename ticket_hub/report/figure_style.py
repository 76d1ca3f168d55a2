"""What a paper asks of its figures: size, resolution, title, letters that stay letters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.errors import RecipeError

__all__ = ["FigureStyle", "figure_style", "styled"]

MIN_DPI, MAX_DPI, MAX_INCHES = 10, 1200, 40


@dataclass(frozen=True, kw_only=True)
class FigureStyle:
    """How figures are saved, other than for a screen.

    Attributes:
        dpi: pixels an inch of PNG.
        width: in inches; None keeps each figure's own.
        title: whether figures have their title.
        text: whether letters in SVG stay text, which needs the reader's fonts, instead of paths;
            in PDF they always do.
        file: a matplotlib style file, whose settings win.
    """

    dpi: int = 150
    width: float | None = None
    title: bool = True
    text: bool = False
    file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not MIN_DPI <= self.dpi <= MAX_DPI:
            raise RecipeError(
                f"{self.dpi} pixels an inch cannot be.", f"Give {MIN_DPI} to {MAX_DPI}."
            )
        if self.width is not None and not 1 <= self.width <= MAX_INCHES:
            raise RecipeError(
                f"A figure cannot be {self.width:g} inches wide.", f"Give 1 to {MAX_INCHES}."
            )

    def settings(self) -> Mapping[str, Any]:
        """Of matplotlib, beside our own.

        Raises:
            RecipeError: the style file cannot be read.
        """
        found: dict[str, Any] = {"svg.fonttype": "none"} if self.text else {}
        if self.file is None:
            return found
        from matplotlib import rc_params_from_file

        try:
            return found | dict(rc_params_from_file(self.file, use_default_template=False))
        except (OSError, ValueError, KeyError) as error:
            raise RecipeError(
                f"The style file {self.file} cannot be read: {error}.",
                "Give a file of matplotlib settings, such as `font.size: 8`.",
            ) from error


_SCREEN = FigureStyle()
_PRESENT: ContextVar[FigureStyle] = ContextVar("figure_style", default=_SCREEN)


def figure_style() -> FigureStyle:
    """The style that holds here."""
    return _PRESENT.get()


@contextlib.contextmanager
def styled(style: FigureStyle) -> Iterator[None]:
    """Draw and save by a style inside."""
    token = _PRESENT.set(style)
    try:
        yield
    finally:
        _PRESENT.reset(token)
