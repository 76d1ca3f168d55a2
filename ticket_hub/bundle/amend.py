"""Add to a bundle what is about its tickets: masks, theta0 and ids are not even read."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.bundle import layout
from ticket_hub.bundle.card import plain_card
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.read import open_bundle
from ticket_hub.bundle.store import Store
from ticket_hub.bundle.write import listing, put_card, put_figure

__all__ = ["amend_bundle"]


def amend_bundle(folder: Path, *, figure: bytes | None = None) -> Manifest:
    """Give a bundle a figure of its ladder, and a card that shows it.

    A README.md that the user wrote stays. Nobody else may write the bundle meanwhile.

    Args:
        figure: as SVG; None leaves what is there.

    Raises:
        BundleError: there is no sound manifest, or the figure is more than lines and shapes.
        StorageError: the disk is full, or the folder may not be written.
    """
    manifest = open_bundle(folder).manifest
    store = Store(folder)
    store.files = {name: each for name, each in manifest.files.items() if name != layout.CARD}
    put_figure(store, figure)
    put_card(store, manifest, plain_card)
    return store.commit(listing(store, manifest))
