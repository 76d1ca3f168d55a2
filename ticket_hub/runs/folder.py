"""A run folder: what a search leaves on disk, written durably and read back with every digest.

    lock                  owned by the process that works here; see `lock`
    recipe.toml           the recipe for people; `ticket find` takes it too
    run.json              format, recipe, architecture, data
    environment.json      what it was made with, and whether its bits are still exact
    levels/LLL/           trial-T.safetensors: `trained/NAME` (the state dict after training) and
                          `readings` (float64: iteration, columns of `Curves`)
    theta0/               the seal of theta0
    checkpoints/LLL/      states of the level in training; see `ticket_hub.training.checkpoint`
    bundle/               the bundle of all levels so far; theta0 and masks are kept there alone

theta0 and each level are finished when their `seal.json` is there. It holds the sha256 and size of
each file, those in the bundle included, and of a level also the sha256 of the seal it was derived
from (`parent`), so that a level can never be mixed with another one's descendants.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ticket_hub.bundle.layout import mask_file, theta0_file
from ticket_hub.bundle.manifest_records import DataRecord, FileRecord, Reference
from ticket_hub.bundle.reference import not_of_source, source_tensors
from ticket_hub.durable import write_bytes, write_json
from ticket_hub.environment import differences
from ticket_hub.errors import EnvironmentMismatchError, RunError, RunMismatchError
from ticket_hub.recipe import PartialRecipe, Recipe, recipe_of
from ticket_hub.recipe.own import OwnLoop
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.runs.file_names import ENVIRONMENT, RECIPE, RUN, SEAL
from ticket_hub.runs.level import Level
from ticket_hub.runs.level_files import read_mask, read_trials, write_trials
from ticket_hub.runs.places import remember
from ticket_hub.runs.seal import FORMAT, read_json, read_seal, remedy
from ticket_hub.runs.sealed import sealed_tensors, write_for_bundle
from ticket_hub.types import Architecture, Mask, PrunableLayer, Weights

__all__ = ["Header", "RunFolder"]

ENDS = ("search.levels", "search.stop_density", "search.stop_below_dense")
"""What a recipe says of the end of a search; the levels before it do not depend on them."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a run is about, complete enough to read it without its data set.

    Attributes:
        own: of tickets that their author's own loop trains, what is said of it.
        layers: of a network that only its author's function builds, what may be pruned.
        tensors: of such a network, and of one that a plugin builds, the dtype and shape of each
            entry of its state dict, as a text.
    """

    recipe: Recipe | PartialRecipe
    architecture: Architecture
    data: DataRecord
    own: OwnLoop | None = None
    layers: tuple[PrunableLayer, ...] = ()
    tensors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFolder:
    """One run on disk. Methods that write need the lock."""

    path: Path

    @property
    def lock(self) -> Path:
        """The file that the working process owns."""
        return self.path / "lock"

    @property
    def bundle(self) -> Path:
        """The bundle of all levels so far."""
        return self.path / "bundle"

    @property
    def theta0(self) -> Path:
        """Where the seal lies of the dense weights that survivors return to."""
        return self.path / "theta0"

    def checkpoints(self, index: int) -> Path:
        """Where a level in training keeps its states."""
        return self.path / "checkpoints" / f"{index:03d}"

    def level(self, index: int) -> Path:
        """The folder of a level."""
        return self.path / "levels" / f"{index:03d}"

    def has_level(self, index: int) -> bool:
        """Whether a level is finished."""
        return (self.level(index) / SEAL).exists()

    def open(self, recipe: Recipe | PartialRecipe) -> Header | None:
        """The header for work by a recipe, or None in a new folder.

        A run goes on by a recipe that differs from its own in when to end alone, unless it has
        gone further than that one allows. Nothing is written: see `write_header`.

        Raises:
            RunMismatchError: the run is of another recipe.
            RunError: its header is damaged.
        """
        header = self.read_header()
        if header is None or header.recipe.digest == recipe.digest:
            return header
        assert recipe.search is not None, "every search says how far it goes"
        ends = {key: getattr(recipe.search, key.partition(".")[2]) for key in ENDS}
        same_search = header.recipe.replace(ends).digest == recipe.digest
        if not same_search or self.has_level(recipe.search.levels + 1):
            raise RunMismatchError(
                f"{self.path} holds a run of {header.recipe.run_name}, "
                f"but {recipe.run_name} was asked for.",
                "Give another folder, or the recipe that the run was begun with.",
            )
        return replace(header, recipe=recipe)

    def is_of_another(self, recipe: Recipe | PartialRecipe) -> bool:
        """Whether the header still tells of a recipe that ends elsewhere; see `open`."""
        header = self.read_header()
        return header is not None and header.recipe.digest != recipe.digest

    def read_header(self) -> Header | None:
        """What the run is about, or None in a new folder.

        Raises:
            RunError: the file is damaged, or of a later format.
        """
        path = self.path / RUN
        if not path.exists():
            return None
        advice = f"Restore it from a copy, or remove {self.path}."
        table = read_json(path, advice)
        try:
            network, data = table["architecture"], table["data"]
            own = table.get("own", {})
            return Header(
                recipe=recipe_of(table["recipe"]),
                architecture=Architecture(
                    **(network | {"options": tuple(map(tuple, network["options"]))})
                ),
                data=DataRecord(
                    name=data["name"],
                    fingerprint=data["fingerprint"],
                    mean=None if data["mean"] is None else tuple(data["mean"]),
                    std=None if data["std"] is None else tuple(data["std"]),
                ),
                own=build(OwnLoop, own["loop"]) if own else None,
                layers=tuple(build(PrunableLayer, layer) for layer in own.get("layers", ())),
                tensors=dict((own or table).get("tensors", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} is damaged: {error!r}.", advice) from error

    def write_header(self, header: Header) -> None:
        """Say what the run is about, to people and to the next search."""
        remember(self.path)
        # First, since a folder is a run once its header is there.
        write_bytes(self.path / RECIPE, header.recipe.to_toml().encode())
        table = {
            "format": FORMAT,
            "recipe": header.recipe.to_table(),
            "digest": header.recipe.digest,
            "architecture": to_table(header.architecture),
            "data": asdict(header.data),
        }
        if header.own is not None:
            own = {"loop": to_table(header.own), "tensors": dict(header.tensors)}
            table["own"] = own | {"layers": [to_table(layer) for layer in header.layers]}
        elif header.tensors:
            table["tensors"] = dict(header.tensors)
        write_json(self.path / RUN, table)

    def read_environment(self) -> tuple[dict[str, str], bool]:
        """The environment that the run was begun in, and whether its bits are still exact."""
        path = self.path / ENVIRONMENT
        table = read_json(path, f"Restore it from a copy, or remove {self.path}.")
        return dict(table["environment"]), bool(table["bit_exact"])

    def admit(self, now: Mapping[str, str], *, accept: bool) -> None:
        """Let an environment work on the run.

        Raises:
            EnvironmentMismatchError: it differs from the one that the run was begun in, and
                `accept` is false. Once one was accepted, the run is never bit-exact again.
        """
        path = self.path / ENVIRONMENT
        if not path.exists():
            write_json(path, {"format": FORMAT, "environment": dict(now), "bit_exact": True})
            return
        begun, exact = self.read_environment()
        changes = differences(begun, now)
        if changes and not accept:
            raise EnvironmentMismatchError(
                f"{self.path} was begun in another environment ({'; '.join(changes)}), "
                "so its bits could not be repeated.",
                "Go on where it was begun, or accept the environment: its bundle is then marked "
                "as not bit-exact for good.",
            )
        if changes and exact:
            self.mark_inexact()

    def mark_inexact(self) -> None:
        """Note for good that the bits of this run could not be repeated."""
        begun, exact = self.read_environment()
        if exact:
            table = {"format": FORMAT, "environment": begun, "bit_exact": False}
            write_json(self.path / ENVIRONMENT, table)

    def read_theta0(self) -> list[Weights] | None:
        """The dense weights that survivors return to, by trial, or None before they are known.

        Raises:
            RunError: a file is missing or damaged.
            BundleError: the pretrained weights that they refer to cannot be had.
        """
        seal = read_seal(self.theta0)
        if seal is None:
            return None
        reference = self.read_reference()
        source = {} if reference is None else source_tensors(reference, {})
        return [
            # Runs that kept theta0 twice have a file beside the seal, which names it.
            sealed_tensors(
                self.theta0, each, None if "file" in each else self.bundle / theta0_file(trial)
            )
            | {name: value.clone() for name, value in source.items()}
            for trial, each in enumerate(seal["trials"])
        ]

    def read_reference(self) -> Reference | None:
        """The pretrained weights that all theta0 are of but for what is kept here, if there are."""
        table = (read_seal(self.theta0) or {}).get("reference")
        return None if table is None else build(Reference, table)

    def write_theta0(self, theta0: Sequence[Weights], reference: Reference | None = None) -> None:
        """Keep theta0 of all trials, without what it has of the weights that are referred to."""
        entries = [
            write_for_bundle(self.bundle / theta0_file(trial), not_of_source(weights, reference))
            for trial, weights in enumerate(theta0)
        ]
        # The seal last: it names files that are there, whole.
        refers = {} if reference is None else {"reference": to_table(reference)}
        write_json(self.theta0 / SEAL, {"format": FORMAT, "trials": entries} | refers)

    def read_level(self, index: int, parent: int | None, theta0: Sequence[Weights]) -> Level:
        """A finished level, every digest checked.

        Args:
            parent: the level that it was pruned from; None for level 0.

        Raises:
            RunError: a file is missing or damaged, or the parent was replaced by another.
        """
        folder = self.level(index)
        seal = read_json(folder / SEAL, remedy(folder))
        # Seals name each other by digest: a level that was made anew is no parent of those behind
        # it.
        if seal.get("parent") != self._seal_digest(parent):
            raise RunError(
                f"{folder} was not derived from what is there before it now.", remedy(folder)
            )
        try:
            return read_trials(folder, seal, theta0, self.bundle)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{folder / SEAL} is damaged: {error!r}.", remedy(folder)) from error

    def write_level(self, level: Level, parent: int | None) -> None:
        """Keep a level; it is finished once its seal is written."""
        folder = self.level(level.index)
        seal = write_trials(folder, level, self.bundle)
        seal |= {"format": FORMAT, "parent": self._seal_digest(parent)}
        write_json(folder / SEAL, seal)

    def read_mask(self, index: int, trial: int, theta0: Weights) -> Mask:
        """The mask of one trial at a finished level; raises as `read_level`."""
        folder = self.level(index)
        entry = read_json(folder / SEAL, remedy(folder))["trials"][trial]
        return read_mask(folder, entry, self.bundle / mask_file(trial, index), theta0)

    def bundled(self, index: int) -> dict[str, FileRecord]:
        """The files of the bundle that the seals of theta0 and of a finished level have."""
        theta0 = read_json(self.theta0 / SEAL, remedy(self.theta0))["trials"]
        masks = read_json(self.level(index) / SEAL, remedy(self.level(index)))["trials"]
        files = {theta0_file(t): each for t, each in enumerate(theta0) if "file" not in each}
        files |= {
            mask_file(t, index): each["mask"] for t, each in enumerate(masks) if "mask" in each
        }
        return {name: FileRecord(**entry) for name, entry in files.items()}

    def reseal(self, level: Level) -> None:
        """Change how a finished level says that it ends; only for one that none follows."""
        path = self.level(level.index) / SEAL
        seal = read_json(path, remedy(path.parent))
        ending = None if level.ending is None else asdict(level.ending)
        write_json(path, seal | {"ending": ending})

    def _seal_digest(self, parent: int | None) -> str:
        folder = self.theta0 if parent is None else self.level(parent)
        return hashlib.sha256((folder / SEAL).read_bytes()).hexdigest()
