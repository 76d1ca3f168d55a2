"""Add to a bundle what is about its tickets: masks, theta0 and ids are not even read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ticket_hub.bundle import layout
from ticket_hub.bundle.card import plain_card
from ticket_hub.bundle.card_terms import CardTerms, read_terms
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.read import open_bundle
from ticket_hub.bundle.store import Store
from ticket_hub.bundle.write import listing, put_card, put_experiments, put_figure

__all__ = ["amend_bundle"]


def amend_bundle(
    folder: Path,
    *,
    figure: bytes | None = None,
    experiments: Sequence[ExperimentRecord] = (),
    terms: CardTerms | None = None,
    signed: str = "",
    replays: str = "",
) -> Manifest:
    """Give a bundle a figure of its ladder, evidence or terms, and a card that shows them.

    A README.md that the user wrote stays. Nobody else may write the bundle meanwhile.

    Args:
        figure: as SVG; None leaves what is there.
        experiments: records of experiments with its tickets. Each takes the place of a record of
            the same experiment by the same person in the same environment; all others stay.
        terms: where it is shared and under which licence; None leaves what its card says.
        signed: the id of the key that it is signed with after this, for the card.
        replays: what others found who trained its tickets again, for the card.

    Raises:
        BundleError: there is no sound manifest, or the figure is more than lines and shapes.
        EvidenceError: a record is not about this bundle, or there are too many.
        StorageError: the disk is full, or the folder may not be written.
    """
    bundle = open_bundle(folder)
    manifest, store = bundle.manifest, Store(folder)
    replaced = {layout.CARD, *manifest.experiments}
    store.files = {name: each for name, each in manifest.files.items() if name not in replaced}
    put_figure(store, figure)
    records = put_experiments(store, manifest, _merged(bundle.experiments(), experiments))
    terms = terms or read_terms(folder)
    card = partial(plain_card, experiments=records, terms=terms, signed=signed, replays=replays)
    put_card(store, manifest, card)
    return store.commit(listing(store, manifest))


def _merged(
    present: Sequence[ExperimentRecord], added: Sequence[ExperimentRecord]
) -> list[ExperimentRecord]:
    records = list(present)
    for new in added:
        records = [each for each in records if not new.supersedes(each)] + [new]
    return records
