"""Checkpoints of a level in training, on disk: two generations, with digests beside them.

For every member there are up to two state files and one manifest:

    trial-0.000000001200.safetensors    the state after 1,200 iterations
    trial-0.000000000600.safetensors    the generation before
    trial-0.json                        {"format": 1, "generations": [{file, iteration, sha256,
                                        size}, ...], "environment": {...}}, newest first

A state is believed only if size and sha256 are the manifest's, so a torn or rotten file is
noticed and the generation before it is used. A state file holds `tensors/NAME` (weights and
optimizer), `readings`, and `snapshots/ITERATION/NAME`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from ticket_hub.durable import write_bytes, write_json
from ticket_hub.tensors import pack_tensors, unpack_tensors
from ticket_hub.training.member import MemberState

__all__ = ["FolderKeeper", "LevelsKeeper"]

FORMAT = 1
GENERATIONS = 2


@dataclass(frozen=True, kw_only=True)
class FolderKeeper:
    """Keep the states of a population in one folder; picklable, one process per member.

    Attributes:
        folder: of this level and no other.
        environment: fingerprint of the process that trains, recorded beside each state.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def load(self, member: str) -> MemberState | None:
        """The newest state that is whole, or None where there is none.

        A damaged one is removed, so that it does not take the place of a good generation.
        """
        for generation in self._generations(member):
            state = self._read(generation)
            if state is not None:
                return state
            with contextlib.suppress(OSError):
                (self.folder / str(generation["file"])).unlink()
        return None

    def save(self, member: str, state: MemberState) -> None:
        """Keep a state durably, beside the one before.

        Raises:
            StorageError: it cannot be written; the generations before are intact.
        """
        # The state, then the list that names it, and only then are older ones dropped: whenever the
        # process is killed, the list names a whole state.
        data = pack_tensors(_flatten(state))
        name = f"{member}.{state.iteration:012d}.safetensors"
        write_bytes(self.folder / name, data)
        newest = {
            "file": name,
            "iteration": state.iteration,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }
        # By size alone: their digests are checked when they are loaded.
        before = [g for g in self._generations(member) if g["file"] != name and self._exists(g)]
        kept = [newest, *before][:GENERATIONS]
        write_json(
            self.folder / f"{member}.json",
            {"format": FORMAT, "generations": kept, "environment": dict(self.environment)},
        )
        self._drop_others(member, {str(g["file"]) for g in kept})

    def damaged(self, member: str) -> list[str]:
        """The files that `load` has to skip, for whoever tells the user."""
        manifest = self.folder / f"{member}.json"
        if manifest.exists() and not self._generations(member):
            return [manifest.name]
        return [str(g["file"]) for g in self._generations(member) if self._read(g) is None]

    def forget(self, members: Iterable[str]) -> None:
        """Drop the states of members whose results are on disk; those of others stay."""
        if not self.folder.is_dir():
            return
        for member in members:
            self._drop_others(member, set())
            with contextlib.suppress(OSError):
                (self.folder / f"{member}.json").unlink()
        with contextlib.suppress(OSError):  # others are in it
            self.folder.rmdir()
            self.folder.parent.rmdir()

    def clear(self) -> None:
        """Forget everything; for a level that is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # not there, or another level is in it
            self.folder.parent.rmdir()

    def _generations(self, member: str) -> list[dict[str, Any]]:
        try:
            manifest = json.loads((self.folder / f"{member}.json").read_bytes())
            if manifest["format"] != FORMAT:
                return []
            # A name and no path: a manifest that somebody has changed leads nowhere else.
            return [g for g in manifest["generations"] if Path(g["file"]).name == g["file"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _exists(self, generation: Mapping[str, Any]) -> bool:
        path = self.folder / str(generation["file"])
        return path.is_file() and path.stat().st_size == generation.get("size")

    def _read(self, generation: Mapping[str, Any]) -> MemberState | None:
        try:
            data = (self.folder / str(generation["file"])).read_bytes()
            if hashlib.sha256(data).hexdigest() != generation["sha256"]:
                return None
            return _unflatten(int(generation["iteration"]), unpack_tensors(data))
        except (OSError, safetensors.SafetensorError, KeyError, ValueError, TypeError):
            return None

    def _drop_others(self, member: str, kept: set[str]) -> None:
        for path in self.folder.glob(f"{member}.*.safetensors"):
            if path.name not in kept:
                with contextlib.suppress(OSError):
                    path.unlink()


@dataclass(frozen=True, kw_only=True)
class LevelsKeeper:
    """Keep the states of members of several levels, each where its level alone would keep it.

    Attributes:
        folders: what the names of some members begin with, followed by `LLL/NAME` with the number
            of the level -> where each of their levels has a folder `LLL`.
        environment: fingerprint of the process that trains, recorded beside each state.
    """

    folders: Mapping[str, Path]
    environment: Mapping[str, str] = field(default_factory=dict)

    def load(self, member: str) -> MemberState | None:
        """The newest state that is whole, or None where there is none."""
        keeper, name = self._of(member)
        return keeper.load(name)

    def save(self, member: str, state: MemberState) -> None:
        """Keep a state durably, beside the one before.

        Raises:
            StorageError: it cannot be written; the generations before are intact.
        """
        keeper, name = self._of(member)
        keeper.save(name, state)

    def _of(self, member: str) -> tuple[FolderKeeper, str]:
        above, _, name = member.rpartition("/")
        start, slash, level = above.rpartition("/")
        folder = self.folders[start + slash] / level
        return FolderKeeper(folder=folder, environment=self.environment), name


def _flatten(state: MemberState) -> dict[str, Tensor]:
    flat = {f"tensors/{name}": value for name, value in state.tensors.items()}
    flat["readings"] = state.readings
    for iteration, weights in state.snapshots.items():
        flat |= {f"snapshots/{iteration}/{name}": value for name, value in weights.items()}
    return flat


def _unflatten(iteration: int, flat: Mapping[str, Tensor]) -> MemberState:
    tensors, snapshots = {}, dict[int, dict[str, Tensor]]()
    for path, value in flat.items():
        kind, _, name = path.partition("/")
        if kind == "tensors":
            tensors[name] = value
        elif kind == "snapshots":
            step, _, parameter = name.partition("/")
            snapshots.setdefault(int(step), {})[parameter] = value
    return MemberState(
        iteration=iteration, tensors=tensors, readings=flat["readings"], snapshots=snapshots
    )
