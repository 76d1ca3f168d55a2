"""Networks that several experiments of one transfer have in common, trained once.

Two tickets that were found from the same theta0 have the same dense network. Whether two networks
are the same is decided by what decides their result, bit for bit: their own start, their data
order, data, training, and environment; never by their names.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.content_id import content_digest
from ticket_hub.data import DataSet
from ticket_hub.durable import canonical_json, write_json
from ticket_hub.environment import INFORMATIVE
from ticket_hub.errors import RunError
from ticket_hub.recipe import TrainingSpec
from ticket_hub.recipe.tables import to_table
from ticket_hub.training import Member
from ticket_hub.transfer.result import Result, read_result
from ticket_hub.types import Architecture

__all__ = ["SharedNetworks", "identity"]

FORMAT = 1


def identity(
    architecture: Architecture,
    training: TrainingSpec,
    data: DataSet,
    environment: dict[str, str],
    member: Member,
    *,
    first: int = 0,
) -> str:
    """The sha256 over all that decides what a network comes to.

    Args:
        first: how many iterations it trains before the others begin.
    """
    facts: dict[str, Any] = {
        "architecture": to_table(architecture),
        "training": to_table(training),
        "data": [data.fingerprint, to_table(data.spec)],
        "environment": {k: v for k, v in environment.items() if k not in INFORMATIVE},
        "order": [member.seed, member.level, member.start],
        "weights": content_digest(member.weights),
        "mask": content_digest(member.mask),
    }
    # Left out where it is 0: notes that were made before there were first iterations still hold.
    if first:
        facts["first"] = first
    return hashlib.sha256(canonical_json(facts)).hexdigest()


@dataclass(frozen=True)
class SharedNetworks:
    """Where each trained network of a transfer lies, by its identity.

    Attributes:
        root: the folder of the transfer; it has the notes in `shared/` and all results below it.
    """

    root: Path

    def find(self, key: str) -> tuple[Result, Path] | None:
        """The result of an equal network, and the folder of its experiment.

        None where there is none, or none that can be read.
        """
        try:
            noted = json.loads(self._note(key).read_bytes())["result"]
            place = self.root / str(noted)
            return read_result(place), place.parents[2]
        except (OSError, ValueError, KeyError, TypeError, RunError):
            return None

    def note(self, key: str, result: Path) -> None:
        """Say where a network's result will lie; a note without its result is passed over.

        The first note stays, so that an experiment that is killed ends with the same notes.
        """
        if not self._note(key).exists():
            place = result.relative_to(self.root).as_posix()
            write_json(self._note(key), {"format": FORMAT, "result": place})

    def _note(self, key: str) -> Path:
        return self.root / "shared" / f"{key}.json"
