"""The folder of an analysis: results on disk, and whose they are.

lock                    owned by the process that works here
environment.json        what was trained with, and whether its bits are still exact
results/LLL/NAME.json   one file for each analysis and level, with the sha256 of what it says
checkpoints/            states of networks in training
analysis.json           everything together
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.durable import canonical_json, write_json
from ticket_hub.errors import RecipeError, RunError, RunMismatchError
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.runs.file_names import EXPERIMENT, RUN

__all__ = ["AnalysisFolder", "Finding"]

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one analysis found at one level.

    Attributes:
        analysis: its name.
        level: of the tickets; 0 is dense.
        density: kept weights over prunable weights, mean over the trials.
        identity: what decides the result: bundle, level, trials, seed, settings.
        environment: fingerprint of the process that made it.
        result: the analysis' own frozen dataclass.
        resumed: whether it was read from disk.
    """

    analysis: str
    level: int
    density: float
    identity: Mapping[str, Any]
    environment: Mapping[str, str]
    result: Any
    resumed: bool = False

    def to_table(self) -> dict[str, Any]:
        """Plain JSON values, with the units of the numbers."""
        return {
            "analysis": self.analysis,
            "level": self.level,
            "density": self.density,
            "identity": dict(self.identity),
            "environment": dict(self.environment),
            "units": dict(getattr(self.result, "UNITS", {})),
            "result": to_table(self.result),
        }


@dataclass(frozen=True)
class AnalysisFolder:
    """Results on disk. Methods that write need the lock."""

    path: Path

    @property
    def lock(self) -> Path:
        """The file that the working process owns."""
        return self.path / "lock"

    def refuse_strange(self) -> None:
        """Refuse a folder that holds something else.

        Raises:
            RunError: it is a file, a run, or holds what no analysis has written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file.", "Name a folder for the analysis.")
        run = any((self.path / name).exists() for name in (RUN, EXPERIMENT))
        filled = self.path.is_dir() and any(self.path.iterdir())
        # Whoever works here takes the lock before anything is written: files without one are not
        # ours.
        if run or (filled and not self.lock.exists()):
            raise RunError(
                f"{self.path} holds something that is no analysis.",
                "Name a new folder, or an empty one.",
            )

    def read(
        self, analysis: str, level: int, identity: Mapping[str, Any], kind: type
    ) -> Finding | None:
        """A finding that is on disk, or None.

        Args:
            identity: what the result must have been decided by.
            kind: the dataclass of the result.

        Raises:
            RunError: the file is damaged.
            RunMismatchError: it is of other tickets, or was made with other settings.
        """
        path = self._place(analysis, level)
        if not path.exists():
            return None
        table = _read(path)
        # As JSON: a file gives lists where the identity has tuples.
        if canonical_json(table.get("identity")) != canonical_json(dict(identity)):
            raise RunMismatchError(
                f"{path} is of other tickets, or was made with other settings.",
                "Name another folder with --out, or remove this file.",
            )
        try:
            return Finding(
                analysis=analysis,
                level=level,
                density=float(table["density"]),
                identity=table["identity"],
                environment=table["environment"],
                result=build(kind, table["result"]),
                resumed=True,
            )
        except (RecipeError, KeyError, TypeError, ValueError) as error:
            raise _damaged(path, str(error)) from error

    def write(self, finding: Finding) -> None:
        """Keep a finding durably.

        Raises:
            StorageError: it cannot be written.
        """
        body = finding.to_table()
        digest = hashlib.sha256(canonical_json(body)).hexdigest()
        place = self._place(finding.analysis, finding.level)
        write_json(place, {"format": FORMAT, "finding": body, "sha256": digest})

    def _place(self, analysis: str, level: int) -> Path:
        return self.path / "results" / f"{level:03d}" / f"{analysis}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_bytes())
        body: dict[str, Any] = table["finding"]
        if hashlib.sha256(canonical_json(body)).hexdigest() != table["sha256"]:
            raise ValueError("its digest does not fit")  # noqa: TRY301 - all damage is told one way
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, str(error)) from error
    return body


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(
        f"{path} is damaged: {reason}.",
        "Remove this file; the same command then makes it again, and no other.",
    )
