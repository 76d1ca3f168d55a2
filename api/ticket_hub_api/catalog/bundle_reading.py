"""What the bundle of a commit says, read from its contents in the hub's storage."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleError, BundleFormatError, NetworkError
from ticket_hub_api.catalog import bundles
from ticket_hub_api.catalog.evidence_records import checked_evidence
from ticket_hub_api.store.objects import open_content
from ticket_hub_api.store.trees import Files
from ticket_hub_api.store.xet.reading import Stores

if TYPE_CHECKING:
    from ticket_hub.bundle import ExperimentRecord, Manifest
    from ticket_hub.bundle.cost_record import CostRecord

__all__ = ["read_experiments", "read_facts"]

_log = logging.getLogger("ticket_hub_api")


def read_facts(stores: Stores, manifest: str, files: Files) -> dict[str, str]:
    """What a bundle says, as the columns of `BundleFacts`; or the problem with it."""
    problem = ""
    try:
        facts = _facts(stores, files)
    except (BundleError, NetworkError) as error:
        problem = str(error)
    # One strange bundle must not end the reading of all others; the log has what is ours to mend.
    except (ValueError, TypeError, ArithmeticError, RuntimeError, RecursionError):
        _log.warning("A bundle could not be read: %s", manifest, exc_info=True)
        problem = "The bundle could not be read."
    else:
        return {"bundle_id": facts["id"], "problem": "", "facts": canonical_json(facts).decode()}
    return {"bundle_id": "", "problem": problem, "facts": "{}"}


def _facts(stores: Stores, files: Files) -> dict[str, Any]:
    """What the bundle of a tree says.

    Raises:
        BundleError: it breaks the format.
    """
    from ticket_hub.bundle import encoding, layout
    from ticket_hub.bundle.cost_record import decode_costs
    from ticket_hub.bundle.retrained import won_levels

    entry = files[bundles.MANIFEST]
    if entry.size > layout.MAX_MANIFEST_BYTES:
        raise BundleFormatError(f"{bundles.MANIFEST} is too large.", "Write the bundle again.")
    with stores.database.read() as connection:
        content = open_content(stores, connection, entry.sha256)
        manifest = encoding.decode(content.head(entry.size))
        record = manifest.files[bundles.METRICS]
        metrics = files.get(bundles.METRICS)
        if metrics is None or metrics.sha256 != record.sha256:
            raise BundleFormatError(
                f"{bundles.METRICS} is not the file that {bundles.MANIFEST} names.",
                "Push the bundle again.",
            )
        records = list(read_experiments(stores, connection, manifest, files))
        from ticket_hub.bundle.reproduction_reading import reproduction_in

        # Refuses a claim that was not tried with this bundle, or one that contradicts itself.
        for name in manifest.reproductions:
            reproduction_in(manifest, _record(stores, connection, manifest, files, name), name)
        costs: Sequence[CostRecord] = ()
        if layout.COSTS in manifest.files:
            costs = decode_costs(
                _record(stores, connection, manifest, files, layout.COSTS), manifest
            )
        experiments = [dict(vars(checked_evidence(each))) for each in records]
        won = won_levels(manifest, records)
        if metrics.size > bundles.MAX_METRICS_BYTES:
            return bundles.facts_of(manifest, None, experiments, costs, won)
        curves = open_content(stores, connection, metrics.sha256)
    lines = bundles.lines(curves.read(0, curves.size))
    return bundles.facts_of(manifest, lines, experiments, costs, won)


def read_experiments(
    stores: Stores, connection: Connection, manifest: Manifest, files: Files
) -> Iterator[ExperimentRecord]:
    """The evidence that a bundle brings along.

    Raises:
        BundleError: a record is none, or is not about this bundle.
    """
    from ticket_hub.bundle.record_reading import record_in

    for name in manifest.experiments:
        data = _record(stores, connection, manifest, files, name)
        yield record_in(manifest, data, name)


def _record(
    stores: Stores, connection: Connection, manifest: Manifest, files: Files, name: str
) -> bytes:
    entry, stated = files.get(name), manifest.files[name]
    if entry is None or (entry.sha256, entry.size) != (stated.sha256, stated.size):
        raise BundleFormatError(
            f"{name} is not the file that {bundles.MANIFEST} names.", "Push the bundle again."
        )
    return open_content(stores, connection, entry.sha256).head(entry.size)
