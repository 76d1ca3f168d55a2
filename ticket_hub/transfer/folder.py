"""The folder of an experiment: what is on disk, and whose it is.

lock                        owned by the process that works here
experiment.json             format, spec, digest, bundle, data, network, head; written first
environment.json            what it was made with, and whether its bits are still exact
results/LLL/CONTROL-T.json  one file for each trained network; see `result`. The further draws
                            of a control are CONTROL-T.1.json and so on
dense/T/                    weights of a trained dense network, where something begins from it
dense-reinit/T/             of one from fresh weights, whose units those of a mask are matched with
checkpoints/LLL/            states of the networks in training
evidence.json, *.csv, *.md  what was last asked for, judged
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub import home
from ticket_hub.durable import make_folder, write_json
from ticket_hub.errors import RunError, RunMismatchError
from ticket_hub.runs.file_names import EXPERIMENT, RUN, SEAL
from ticket_hub.runs.folder import RunFolder
from ticket_hub.runs.places import remember
from ticket_hub.runs.seal import FORMAT, read_json, read_seal
from ticket_hub.runs.sealed import sealed_tensors, write_tensors
from ticket_hub.transfer.experiment_networks import DenseNetwork
from ticket_hub.transfer.result import Result, read_result, write_result
from ticket_hub.transfer.source import Source
from ticket_hub.transfer.spec import DENSE, ExperimentSpec, MemberKey, OwnExperimentSpec

__all__ = ["ExperimentFolder", "default_folder"]


def default_folder(spec: ExperimentSpec | OwnExperimentSpec, source: Source) -> Path:
    """Where an experiment is done unless a folder is named: by its spec and its tickets' recipe.

    Searches by other scores may have one theta0, and so one spec. A folder that the spec alone
    names, as all once were, is gone on with where it is of this bundle.

    Raises:
        RunError: what that folder says of itself is damaged.
    """
    named = home.runs_folder() / spec.run_name
    header = named / EXPERIMENT
    if header.is_file() and read_json(header, f"Remove {named}.").get("bundle") == source.id:
        return named
    return named.with_name(f"{named.name}-{source.bundle.manifest.recipe.digest[:8]}")


@dataclass(frozen=True)
class ExperimentFolder:
    """One experiment on disk. Methods that write need the lock."""

    path: Path

    @property
    def run(self) -> RunFolder:
        """The same folder, for its lock and its environment, which are those of any run."""
        return RunFolder(self.path)

    def checkpoints(self, level: int) -> Path:
        """Where networks in training keep their states."""
        return self.run.checkpoints(level)

    def refuse_strange(self) -> None:
        """Refuse a folder that holds something else.

        Raises:
            RunError: it is a file, or not an experiment's folder.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file.", "Name a folder for the run.")
        search = (self.path / RUN).exists()
        filled = self.path.is_dir() and any(self.path.iterdir())
        # Whoever works here takes the lock before anything is written: files without one are not
        # ours.
        if search or (filled and not self.run.lock.exists()):
            raise RunError(
                f"{self.path} holds something that is no experiment.",
                "Name a new folder, or an empty one.",
            )

    def open(self, spec: ExperimentSpec | OwnExperimentSpec) -> dict[str, Any] | None:
        """The header, or None in a new folder.

        Raises:
            RunMismatchError: the folder holds another experiment.
            RunError: the header is damaged.
        """
        path = self.path / EXPERIMENT
        if not path.exists():
            return None
        header = read_json(path, f"Restore it from a copy, or remove {self.path}.")
        if header.get("digest") != spec.digest:
            raise RunMismatchError(
                f"{self.path} holds another experiment than {spec.run_name}.",
                "Give another folder, or the ticket, data set and settings it was begun with.",
            )
        return header

    def write_header(self, header: dict[str, Any]) -> None:
        """Say what the experiment is about."""
        remember(self.path)
        write_json(self.path / EXPERIMENT, {"format": FORMAT} | header)

    def has(self, entry: MemberKey) -> bool:
        """Whether a network is trained."""
        return self.place(entry).exists()

    def read(self, entry: MemberKey, ticket: str) -> Result:
        """A trained network's result.

        Raises:
            RunError: its file is damaged.
            RunMismatchError: it is of another ticket than the one asked for.
        """
        result = read_result(self.place(entry))
        if MemberKey(result.level, result.control, result.trial, result.draw) != entry:
            raise RunError(f"{self.place(entry)} is of another network.", "Remove this file.")
        # The spec names theta0 and no mask: another search from the same theta0 may have the same
        # spec.
        if result.ticket != ticket:
            raise RunMismatchError(
                f"{self.place(entry)} was measured with ticket {result.ticket[:12]}, and the "
                f"bundle now has {ticket[:12]} there.",
                "Name another folder with --out.",
            )
        return result

    def write(self, entry: MemberKey, result: Result) -> None:
        """Keep a trained network's result."""
        write_result(self.place(entry), result)

    def write_dense(self, trial: int, network: DenseNetwork, control: str = DENSE) -> None:
        """Keep a trained dense network, from theta0 or from fresh weights."""
        folder = self._dense(trial, control)
        make_folder(folder)
        entry = write_tensors(folder / "weights.safetensors", network.weights)
        # The seal last: without it the network counts as not trained.
        seal = {"format": FORMAT, "iterations": network.iterations, "weights": entry}
        write_json(folder / SEAL, seal)

    def read_dense(self, trial: int, control: str = DENSE) -> DenseNetwork | None:
        """A trained dense network; None where there is none.

        Raises:
            RunError: a file of it is damaged.
        """
        folder = self._dense(trial, control)
        seal = read_seal(folder)
        if seal is None:
            return None
        weights = sealed_tensors(folder, seal["weights"])
        return DenseNetwork(weights=weights, iterations=int(seal["iterations"]))

    def has_dense(self, trial: int, control: str = DENSE) -> bool:
        """Whether a trained dense network was kept."""
        return (self._dense(trial, control) / SEAL).exists()

    def _dense(self, trial: int, control: str) -> Path:
        return self.path / control / str(trial)

    def place(self, entry: MemberKey) -> Path:
        """The file of a trained network's result."""
        return self.path / "results" / f"{entry.level:03d}" / f"{entry.name}.json"
