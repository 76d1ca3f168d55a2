"""The figure on a bundle's card, drawn by the commands that make and share bundles."""

from __future__ import annotations

from pathlib import Path

from ticket_hub_cli.output import Output

__all__ = ["illustrate"]


def illustrate(bundle: Path, out: Output) -> None:
    """Draw the ladder into a bundle that lacks it; where that cannot be, say why and go on.

    What was pulled stays as the hub has it.
    """
    from ticket_hub.errors import RunLockedError, StorageError
    from ticket_hub.home import cache_folder
    from ticket_hub.report.illustrate import illustrate_bundle

    if cache_folder() in bundle.parents:
        return
    try:
        illustrate_bundle(bundle)
    except (RunLockedError, StorageError) as error:
        out.hint(f"The card got no figure: {error.problem}")
