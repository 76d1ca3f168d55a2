"""A bundle of one ticket, as `Ticket.save_pretrained` writes it."""

from __future__ import annotations

from pathlib import Path

from ticket_hub.bundle.content import BundleContent, LevelContent, TrialContent
from ticket_hub.bundle.manifest import Manifest, Theta0
from ticket_hub.bundle.manifest_records import DataRecord, Origin, Reference
from ticket_hub.bundle.plugin_records import PluginRecord
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.bundle.write import write_bundle
from ticket_hub.errors import BundleFormatError
from ticket_hub.recipe import recipe_of
from ticket_hub.recipe.own import OwnLoop
from ticket_hub.recipe.tables import build
from ticket_hub.types import PrunableLayer

__all__ = ["save_ticket"]


def save_ticket(ticket: TicketContent, folder: Path) -> Manifest:
    """Write a bundle with this ticket alone, without the evidence of the search.

    Its lineage names the bundle that it was taken from; that one has the evidence.

    Raises:
        BundleFormatError: the ticket does not say by which recipe, data and environment it was
            found, or its theta0 has survivors only.
        StorageError: the disk is full, or the folder may not be written.
    """
    known = ticket.provenance
    missing = {"recipe", "data", "environment", "trials"} - set(known)
    if missing:
        raise BundleFormatError(
            f"The ticket's provenance lacks {', '.join(sorted(missing))}.",
            "Save a ticket that was loaded from a bundle, or write a bundle with its recipe.",
        )
    seeds = {trial["index"]: trial["seed"] for trial in known["trials"]}
    trial = TrialContent(
        index=ticket.trial, seed=seeds[ticket.trial], theta0=ticket.theta0, start=ticket.start
    )
    lineage = tuple(build(Origin, table) for table in known.get("lineage", ()))
    origin = Origin(kind="bundle", source="a ticket of this bundle", id=str(known["bundle"]))
    content = BundleContent(
        recipe=recipe_of(known["recipe"]),
        architecture=ticket.architecture,
        data=build(DataRecord, known["data"]),
        environment=known["environment"],
        trials=(trial,),
        levels=(LevelContent(index=ticket.level, masks=(ticket.mask,), curves=(), backends=()),),
        bit_exact=known.get("bit_exact", True),
        lineage=(*lineage, origin),
        plugins=tuple(build(PluginRecord, table) for table in known.get("plugins", ())),
        own=build(OwnLoop, known["own"]) if "own" in known else None,
        layers=tuple(build(PrunableLayer, table) for table in known.get("layers", ())),
        reference=build(Reference, known["reference"]) if "reference" in known else None,
    )
    some: Theta0 = "signs" if ticket.signs else "survivors"
    return write_bundle(folder, content, theta0=None if ticket.dense else some)
