"""Add to a bundle what is about its tickets: masks, theta0 and ids are not even read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ticket_hub.bundle import layout
from ticket_hub.bundle.card import plain_card
from ticket_hub.bundle.card_terms import CardTerms, read_terms
from ticket_hub.bundle.cost_record import CostRecord
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.read import open_bundle
from ticket_hub.bundle.reproduction_record import ReproductionRecord
from ticket_hub.bundle.store import Store
from ticket_hub.bundle.write import (
    R,
    listing,
    put_card,
    put_costs,
    put_experiments,
    put_figure,
    put_reproductions,
)

__all__ = ["amend_bundle"]


def amend_bundle(
    folder: Path,
    *,
    figure: bytes | None = None,
    experiments: Sequence[ExperimentRecord] = (),
    costs: Sequence[CostRecord] = (),
    reproductions: Sequence[ReproductionRecord] = (),
    terms: CardTerms | None = None,
    signed: str = "",
    replays: str = "",
) -> Manifest:
    """Give a bundle a figure of its ladder, evidence, costs or terms, and a card that shows them.

    A README.md that the user wrote stays. Nobody else may write the bundle meanwhile.

    Args:
        figure: as SVG; None leaves what is there.
        experiments: records of experiments with its tickets. Each takes the place of a record of
            the same experiment by the same person in the same environment; all others stay. A
            warning says where the two do not agree.
        costs: what its tickets were measured to cost, beside what is there.
        reproductions: records of claims that were tried with its tickets, likewise.
        terms: where it is shared and under which licence; None leaves what its card says.
        signed: the id of the key that it is signed with after this, for the card.
        replays: what others found who trained its tickets again, for the card.

    Raises:
        BundleError: there is no sound manifest, or the figure is more than lines and shapes.
        EvidenceError: a record is not about this bundle or its tickets, or there are too many.
        StorageError: the disk is full, or the folder may not be written.
    """
    bundle = open_bundle(folder)
    manifest, store = bundle.manifest, Store(folder)
    replaced = {layout.CARD, layout.COSTS, *manifest.experiments, *manifest.reproductions}
    store.files = {name: each for name, each in manifest.files.items() if name not in replaced}
    put_figure(store, figure)
    present = bundle.experiments()
    for new in experiments:
        for old in present:
            if text := new.altered(old):
                warnings.warn(
                    f"The evidence of {new.who} takes the place of other evidence of the same "
                    f"experiment on the same machine: {text}. One of the two was changed.",
                    stacklevel=3,
                )
    records = put_experiments(store, manifest, _merged(present, experiments))
    tried = put_reproductions(store, manifest, _merged(bundle.reproductions(), reproductions))
    kept = put_costs(store, manifest, [*bundle.costs(), *costs])
    plain = partial(
        plain_card,
        experiments=records,
        reproductions=tried,
        costs=kept,
        terms=terms or read_terms(folder),
        signed=signed,
        replays=replays,
    )
    put_card(store, manifest, plain)
    return store.commit(listing(store, manifest))


def _merged(present: Sequence[R], added: Sequence[R]) -> list[R]:
    records = list(present)
    for new in added:
        if any(each.supersedes(new) and not new.supersedes(each) for each in records):
            continue
        records = [each for each in records if not new.supersedes(each)] + [new]
    return records
