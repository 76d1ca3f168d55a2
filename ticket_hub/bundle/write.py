"""Write a bundle: whole at every moment, and the same bytes from every process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from ticket_hub.bundle import assemble, config, figure, layout, metrics, tensors
from ticket_hub.bundle.card import plain_card
from ticket_hub.bundle.card_front import results
from ticket_hub.bundle.card_marks import is_generated, sealed
from ticket_hub.bundle.card_terms import read_terms
from ticket_hub.bundle.content import BundleContent, LevelContent
from ticket_hub.bundle.cost_record import (
    CostRecord,
    decode_costs,
    demand_of_bundle,
    encode_costs,
)
from ticket_hub.bundle.experiment_record import About, ExperimentRecord
from ticket_hub.bundle.manifest import Manifest, Theta0
from ticket_hub.bundle.manifest_records import FileRecord
from ticket_hub.bundle.network import Signature, signature_of
from ticket_hub.bundle.record import Recorder
from ticket_hub.bundle.record_reading import demand_about, encode_record
from ticket_hub.bundle.reference import not_of_source, same_bits, source_tensors
from ticket_hub.bundle.reproduction_reading import demand_tried, encode_reproduction
from ticket_hub.bundle.reproduction_record import ReproductionRecord
from ticket_hub.bundle.store import Store
from ticket_hub.bundle.theta0 import expand, only_signs, sign_bits, survivors
from ticket_hub.errors import BundleFormatError, EvidenceError
from ticket_hub.types import Weights

__all__ = [
    "listing",
    "put_card",
    "put_costs",
    "put_experiments",
    "put_figure",
    "put_reproductions",
    "write_bundle",
]

R = TypeVar("R", ExperimentRecord, ReproductionRecord)


def write_bundle(
    folder: Path,
    content: BundleContent,
    *,
    theta0: Theta0 | None = None,
    model: bool | None = None,
    card: Callable[[Manifest], str] | None = None,
    written: Mapping[str, FileRecord] | None = None,
) -> Manifest:
    """Write everything that is known of a search, or bring its bundle up to date.

    To be called after every level: only what changed is written, the manifest last, and readers
    see the bundle as it was before or as it is now. A README.md that the user wrote stays.

    Args:
        folder: of the bundle; made if need be.
        theta0: `survivors` stores only what the densest sparse level keeps. The dense level is
            then there as evidence only, and controls that need dense weights cannot be had.
            `reference` stores only what is not of the weights that the content refers to, by
            default where it refers to any; else it is `dense`. `signs` stores a bit for each
            weight that the densest sparse level keeps: other tickets, with ids of their own, which
            begin with fresh sizes; so levels before it, curves and records must not be given.
        model: whether to write `model.safetensors`, which plain timm reads; by default beside a
            dense theta0, which is as large.
        card: makes the text of README.md from the manifest; by default `plain_card`.
        written: files that are in the folder already, though no manifest lists them; they are not
            written again.

    Raises:
        BundleFormatError: the content cannot be a bundle: no level, NaN in theta0, levels that do
            not rise, a figure that is more than lines and shapes, with `survivors` masks that are
            not nested, or with `reference` another theta0 than the one that is referred to.
        MaskMismatchError: masks or weights are not of the architecture.
        StorageError: the disk is full, or the file system refuses.
    """
    network, refers = signature_of(content), content.reference is not None
    theta0 = theta0 or ("reference" if refers else "dense")
    if theta0 != "reference":
        content = replace(content, reference=None)
    elif not refers:
        raise BundleFormatError(
            "theta0 is of no pretrained weights that could be referred to.",
            "Write the bundle with theta0='dense'.",
        )
    signs, layers = theta0 == "signs", [layer.name for layer in network.layers]
    assemble.checked(content, network, signs=signs)
    if signs:
        trials = (replace(each, theta0=only_signs(each.theta0, layers)) for each in content.trials)
        content = replace(content, trials=tuple(trials))
    some = theta0 in {"survivors", "signs"}
    densest = assemble.densest_sparse(content, network) if some else None
    store = Store(folder, written)
    _put_theta0(store, content, network, densest, theta0)
    manifest = _put_levels(store, content, network, densest, theta0)
    if theta0 == "dense" if model is None else model:
        _put_model(store, content, manifest, network)
    put_figure(store, content.figure)
    records = [each for each in content.experiments if each.tickets.bundle == manifest.id]
    records = put_experiments(store, manifest, records)
    # The records that are of tickets of this bundle.
    known = {each.id for level in manifest.levels for each in level.tickets}
    costs = put_costs(store, manifest, [each for each in content.costs if each.ticket in known])
    tried = [
        each
        for each in content.reproductions
        if manifest.id in {tickets.bundle for tickets in each.tickets.values()}
    ]
    tried = put_reproductions(store, manifest, tried)
    plain = partial(
        plain_card, experiments=records, reproductions=tried, costs=costs, terms=read_terms(folder)
    )
    put_card(store, manifest, card or plain)
    return store.commit(listing(store, manifest))


def listing(store: Store, manifest: Manifest) -> Manifest:
    """A manifest with the files that were put so far."""
    return replace(manifest, files=dict(sorted(store.files.items())))


def put_figure(store: Store, data: bytes | None) -> None:
    """Write the figure of the card, if there is one.

    Raises:
        BundleFormatError: it is more than lines and shapes.
    """
    if data is not None:
        figure.check(data)
        store.put(layout.FIGURE, [data])


def put_experiments(
    store: Store, manifest: Manifest, records: Sequence[ExperimentRecord]
) -> list[ExperimentRecord]:
    """Write records of experiments; returns them in the order of their files.

    Raises:
        EvidenceError: one is about other tickets, they are too many, or one is too large.
    """
    for record in records:
        demand_about(record, About.of(manifest))
    return _put_records(store, records, encode_record, layout.evidence_file, "experiments")


def put_reproductions(
    store: Store, manifest: Manifest, records: Sequence[ReproductionRecord]
) -> list[ReproductionRecord]:
    """Write records of claims that were tried; returns them in the order of their files.

    Raises:
        EvidenceError: one is about other tickets or of a smoke run, they are too many, or one is
            too large.
    """
    for record in records:
        demand_tried(record, About.of(manifest))
    return _put_records(store, records, encode_reproduction, layout.reproduction_file, "claims")


def _put_records(
    store: Store,
    records: Sequence[R],
    encode: Callable[[R], bytes],
    file_of: Callable[[str], str],
    what: str,
) -> list[R]:
    found = {}
    for record in records:
        data = encode(record)
        if len(data) > layout.MAX_EVIDENCE_BYTES:
            raise EvidenceError("This evidence takes more than 1 MiB.", "Give fewer levels.")
        found[file_of(hashlib.sha256(data).hexdigest())] = (data, record)
    total = sum(len(data) for data, _ in found.values())
    if len(found) > layout.MAX_EVIDENCE_FILES or total > layout.MAX_EVIDENCE_TOTAL:
        raise EvidenceError(
            f"{len(found)} records of {what} with {total} bytes are too many for a bundle.",
            "It takes 32 of together 4 MiB; share the others in a bundle of their own.",
        )
    for name, (data, _) in sorted(found.items()):
        store.put(name, [data], staged=True)
    return [record for _, (_, record) in sorted(found.items())]


def put_costs(
    store: Store, manifest: Manifest, records: Sequence[CostRecord]
) -> tuple[CostRecord, ...]:
    """Write what tickets were measured to cost, each once; returns the records in their order.

    Raises:
        EvidenceError: one is of another ticket or says what cannot be, or they are too many.
    """
    distinct = list({str(each): each for each in records}.values())
    demand_of_bundle(distinct, manifest)
    if not distinct:
        return ()
    data = encode_costs(distinct)
    store.put(layout.COSTS, [data], staged=True)
    return decode_costs(data, manifest)


def _put_levels(
    store: Store,
    content: BundleContent,
    network: Signature,
    densest: LevelContent | None,
    theta0: Theta0,
) -> Manifest:
    recorder = Recorder(store, content, network, densest)
    levels = tuple(recorder.record(level) for level in content.levels)
    store.put(layout.METRICS, metrics.lines(assemble.curve_records(content)))
    theta0_level = None if densest is None else densest.index
    manifest = assemble.manifest(content, network, levels, (theta0, theta0_level), recorder.family)
    store.put(layout.CONFIG, [config.encode(manifest)])
    return manifest


def _put_theta0(
    store: Store,
    content: BundleContent,
    network: Signature,
    densest: LevelContent | None,
    theta0: Theta0,
) -> None:
    for place, trial in enumerate(content.trials):
        if theta0 == "signs":
            assert densest is not None
            bits = sign_bits(trial.theta0, assemble.complete(densest.masks[place], network))
            store.put(layout.theta0_file(trial.index), tensors.chunks(bits))
            continue
        weights: Weights = {name: trial.theta0[name] for name in network.tensors}
        if content.reference is not None:
            # A run compared its theta0 with the source when it began, and has written it since.
            if not store.is_of_a_run(layout.theta0_file(trial.index)):
                # Refuse to leave out what could then not be read again.
                source = source_tensors(
                    content.reference, {name: tuple(value.shape) for name, value in weights.items()}
                )
                other = [
                    name for name, value in source.items() if not same_bits(value, weights[name])
                ]
                if other:
                    raise BundleFormatError(
                        f"{other[0]!r} of theta0 is not that of {content.reference.source}.",
                        "Write the bundle with theta0='dense'.",
                    )
            weights = not_of_source(weights, content.reference)
        if densest is not None:
            weights = survivors(weights, assemble.complete(densest.masks[place], network))
        store.put(layout.theta0_file(trial.index), tensors.chunks(weights))


def _put_model(
    store: Store, content: BundleContent, manifest: Manifest, network: Signature
) -> None:
    places = {trial.index: place for place, trial in enumerate(content.trials)}
    place = places[manifest.default.trial]
    level = next(each for each in content.levels if each.index == manifest.default.level)
    mask = assemble.complete(level.masks[place], network)
    store.put(
        layout.MODEL, tensors.chunks(expand(survivors(content.trials[place].theta0, mask), mask))
    )


def put_card(store: Store, manifest: Manifest, card: Callable[[Manifest], str]) -> None:
    """Write the card of what was put so far, unless the user wrote one."""
    path = store.folder / layout.CARD
    if path.is_file() and not is_generated(path.read_bytes()):
        store.keep(layout.CARD)
    else:
        store.put(layout.CARD, [sealed(card(listing(store, manifest)))])
    found = results(manifest)
    if found is not None:
        store.put(layout.RESULTS, [found])
