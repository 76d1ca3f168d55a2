"""The finished steps of a level that is under way, on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ticket_hub.content_id import content_digest
from ticket_hub.durable import canonical_json, write_json
from ticket_hub.errors import RunError
from ticket_hub.own.step import Finished
from ticket_hub.runs.level_files import flatten, measured_of, trained_of
from ticket_hub.runs.seal import FORMAT, read_json
from ticket_hub.runs.sealed import sealed_tensors, write_tensors
from ticket_hub.training import Member, Trained

__all__ = ["StepFiles"]

BACKEND = "own"
_POINT = "point/"


class StepFiles:
    """The finished steps of a level that is not finished, one file and one seal each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, trial: int, member: Member) -> bool:
        """Whether a step is finished.

        Raises:
            RunError: its seal is damaged, or it began with something else.
        """
        path = self._seal(trial)
        if not path.exists():
            return False
        if read_json(path, self._remedy(trial))["start"] != _start_digest(member):
            raise RunError(f"{path} began with other weights.", self._remedy(trial))
        return True

    def write(self, trial: int, member: Member, finished: Finished) -> None:
        """Keep a step durably.

        Raises:
            StorageError: it cannot be written; the step is not finished then.
        """
        trained = Trained(
            weights=finished.weights,
            curves=finished.curves,
            snapshots={},
            iterations=finished.iterations,
            backend=BACKEND,
        )
        tensors = flatten(trained)
        if finished.point is not None:
            tensors |= {_POINT + name: value for name, value in finished.point.items()}
        entry = write_tensors(self._folder / f"step-{trial}.safetensors", tensors)
        done = {"backend": BACKEND, "iterations": finished.iterations, "seed": member.seed}
        facts = {"format": FORMAT, "start": _start_digest(member), **measured_of(trained)}
        write_json(self._seal(trial), {**entry, **done, **facts})

    def read(self, trial: int, snapshots: Sequence[int]) -> Trained:
        """A finished step.

        Raises:
            RunError: a file of it is damaged.
        """
        entry = read_json(self._seal(trial), self._remedy(trial))
        flat = sealed_tensors(self._folder, entry)
        point = {
            name.removeprefix(_POINT): value
            for name, value in flat.items()
            if name.startswith(_POINT)
        }
        return replace(trained_of(entry, flat), snapshots=dict.fromkeys(snapshots, point))

    def _seal(self, trial: int) -> Path:
        return self._folder / f"step-{trial}.json"

    def _remedy(self, trial: int) -> str:
        return f"Remove {self._seal(trial)}; the same script then does that step again."


def _start_digest(member: Member) -> str:
    both = [content_digest(member.weights), content_digest(member.mask)]
    return hashlib.sha256(canonical_json(both)).hexdigest()
