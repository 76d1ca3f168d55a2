"""Searches as people call them: at their end the bundle's card shows its ladder.

The search knows no drawings, and drawing knows no engines: here, above both, they meet. A command,
a job and a program get the same bundle, byte for byte, since all draw by `draw_card`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from ticket_hub import search
from ticket_hub.bundle import open_bundle
from ticket_hub.bundle.layout import FIGURE
from ticket_hub.engines import runners
from ticket_hub.errors import BundleError, TicketHubError
from ticket_hub.hub.builtin import stays_as_it_is
from ticket_hub.search import FindResult

__all__ = ["draw_card", "find", "find_with"]

P = ParamSpec("P")


def draw_card(bundle: Path, tell: Callable[[str], object]) -> None:
    """Draw the ladder into a bundle that lacks it; where that cannot be, say why and go on.

    What was pulled stays as the hub has it.

    Raises:
        BundleError: a file of it breaks the format or is not what the manifest says.
    """
    if stays_as_it_is(bundle) or FIGURE in open_bundle(bundle).manifest.files:
        return
    try:
        from ticket_hub.report.illustrate import illustrate_bundle

        illustrate_bundle(bundle)
    except BundleError:
        raise
    except TicketHubError as error:
        tell(f"The card got no figure: {error.problem}")
    except Exception as error:  # noqa: BLE001 - matplotlib is missing or fails, in any way
        tell(f"The card got no figure: {type(error).__name__}: {error}.")


def _illustrated(make: Callable[P, FindResult]) -> Callable[P, FindResult]:
    @functools.wraps(make)
    def found(*given: P.args, **options: P.kwargs) -> FindResult:
        """Search, then draw the ladder on the card."""
        result = make(*given, **options)
        draw_card(result.bundle, functools.partial(warnings.warn, stacklevel=2))
        return result

    return found


find = _illustrated(search.find)
"""`ticket_hub.search.find`, which also draws the ladder on the card of the bundle."""
find_with = _illustrated(runners.find_with)
"""`ticket_hub.engines.runners.find_with`, which also draws the ladder on the card."""
