"""Everything that can go wrong, as one tree. Each error states the problem and the remedy.

TicketHubError
├── RecipeError             an unknown recipe or key, an impossible value          (ValueError)
├── NetworkError            an unknown network or option                           (ValueError)
├── PluginError             a user's own file or module cannot be imported or used (ImportError)
├── DataError               a data set cannot be had or used
│   ├── DataNotFoundError   not on disk, and no network                            (LookupError)
│   └── DataCorruptError    what is on disk is not what was published
├── PruningError            a mask cannot be made
│   ├── MaskMismatchError   mask and weights are of different networks             (ValueError)
│   ├── ScoreError          a score is NaN or infinite                             (ValueError)
│   └── LayerCollapseError  a layer would lose its last weight
├── TrainingError           training cannot go on
│   ├── DivergedError       a loss is NaN or infinite                              (ArithmeticError)
│   ├── MemoryLimitError    the population does not fit the device                 (MemoryError)
│   └── StoppedError        asked to stop; what was done is on disk
├── RunError                a run folder cannot be used
│   ├── RunLockedError      another process works on it
│   ├── RunMismatchError    it belongs to another recipe
│   └── EnvironmentMismatchError   it was made on another kind of machine
├── StorageError            a file cannot be written: disk full, no permission     (OSError)
├── BundleError             a bundle is not what its manifest promises             (ValueError)
│   ├── BundleFormatError   a file breaks the format
│   ├── BundleDigestError   a file's bytes differ from the manifest's digest
│   └── SourceMissingError  the weights that theta0 refers to are not here         (LookupError)
├── SignatureError          a key or a signature is missing, bad, or of other bytes    (ValueError)
├── ImportRefusedError      files of another system cannot become a bundle         (ValueError)
├── ExportError             a ticket cannot be written in another form             (ValueError)
├── TicketNotFoundError     no ticket has this name, level or digest               (LookupError)
├── EvidenceError           measurements that cannot be compared or believed       (ValueError)
│   └── NotReproducedError  claims that did not come out again
├── HubError                a hub refuses or cannot be reached
│   ├── HubNotFoundError    no such repository, revision or file                   (LookupError)
│   ├── HubAccessError      the token is missing, bad, or has no such right        (PermissionError)
│   ├── HubConflictError    somebody else pushed in between
│   └── HubUnavailableError the hub does not answer, or the client is offline      (ConnectionError)
└── EngineError             work cannot be handed to processes or machines
    └── WorkLostError       it ended without saying why                            (RuntimeError)
"""

from __future__ import annotations

__all__ = [
    "BundleDigestError",
    "BundleError",
    "BundleFormatError",
    "DataCorruptError",
    "DataError",
    "DataNotFoundError",
    "DivergedError",
    "EngineError",
    "EnvironmentMismatchError",
    "EvidenceError",
    "ExportError",
    "HubAccessError",
    "HubConflictError",
    "HubError",
    "HubNotFoundError",
    "HubUnavailableError",
    "ImportRefusedError",
    "LayerCollapseError",
    "MaskMismatchError",
    "MemoryLimitError",
    "NetworkError",
    "NotReproducedError",
    "PluginError",
    "PruningError",
    "RecipeError",
    "RunError",
    "RunLockedError",
    "RunMismatchError",
    "ScoreError",
    "SignatureError",
    "SourceMissingError",
    "StoppedError",
    "StorageError",
    "TicketHubError",
    "TicketNotFoundError",
    "TrainingError",
    "WorkLostError",
]


class TicketHubError(Exception):
    """An error with a remedy.

    Attributes:
        problem: what is wrong, in one or two sentences.
        remedy: what the reader can do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        """Keep both parts as `args`, so that the error survives pickling between processes."""
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


class RecipeError(TicketHubError, ValueError):
    """An unknown recipe or key, or a value that cannot be."""


class NetworkError(TicketHubError, ValueError):
    """An unknown network, or an option that it does not have."""


class PluginError(TicketHubError, ImportError):
    """A user's own file or module cannot be imported."""


class DataError(TicketHubError):
    """A data set cannot be had or used."""


class DataNotFoundError(DataError, LookupError):
    """The data set is not on disk and cannot be downloaded."""


class DataCorruptError(DataError):
    """The files on disk are not the ones that were published."""


class PruningError(TicketHubError):
    """A mask cannot be made."""


class MaskMismatchError(PruningError, ValueError):
    """Mask and weights belong to different networks."""


class ScoreError(PruningError, ValueError):
    """A score is NaN or infinite, so that weights cannot be ranked."""


class LayerCollapseError(PruningError):
    """A layer would lose its last weight.

    Attributes:
        layer: the parameter name of that layer.
        level: in whose training it would; None where that is no matter of training.
    """

    def __init__(
        self, problem: str, remedy: str, layer: str = "", level: int | None = None
    ) -> None:
        """Keep the layer's name and the level beside problem and remedy."""
        super().__init__(problem, remedy)
        self.args = (problem, remedy, layer, level)
        self.layer, self.level = layer, level


class TrainingError(TicketHubError):
    """Training cannot go on."""


class DivergedError(TrainingError, ArithmeticError):
    """A loss is NaN or infinite."""


class MemoryLimitError(TrainingError, MemoryError):
    """The population does not fit into the device's memory."""


class StoppedError(TrainingError):
    """Somebody asked to stop; what was done so far is on disk."""


class RunError(TicketHubError):
    """A run folder cannot be used."""


class RunLockedError(RunError):
    """Another process works on this run."""


class RunMismatchError(RunError):
    """The run folder belongs to another recipe."""


class EnvironmentMismatchError(RunError):
    """The run was begun on another kind of machine, so its bits would differ."""


class StorageError(TicketHubError, OSError):
    """A file cannot be written: the disk is full, or there is no permission."""


class BundleError(TicketHubError, ValueError):
    """A bundle is not what its manifest promises."""


class BundleFormatError(BundleError):
    """A file of the bundle breaks the format."""


class BundleDigestError(BundleError):
    """A file's bytes differ from the digest in the manifest."""


class SourceMissingError(BundleError, LookupError):
    """The pretrained weights that a bundle's theta0 refers to cannot be had here."""


class SignatureError(TicketHubError, ValueError):
    """A key or a signature is missing, cannot be used, or is of other bytes or another signer."""


class ImportRefusedError(TicketHubError, ValueError):
    """Files of another system cannot become a bundle: no dense theta0, or not plain tensors."""


class ExportError(TicketHubError, ValueError):
    """A ticket cannot be written in another form."""


class TicketNotFoundError(TicketHubError, LookupError):
    """No ticket has the requested name, level or digest."""


class EvidenceError(TicketHubError, ValueError):
    """Measurements that cannot be compared or believed."""


class NotReproducedError(EvidenceError):
    """What a bundle claims did not come out again when it was replayed."""


class HubError(TicketHubError):
    """A hub refuses, or cannot be reached."""


class HubNotFoundError(HubError, LookupError):
    """The hub has no such repository, revision or file (or hides it)."""


class HubAccessError(HubError, PermissionError):
    """The token is missing, not valid, or lacks the right."""


class HubConflictError(HubError):
    """Somebody else changed the repository in between."""


class HubUnavailableError(HubError, ConnectionError):
    """The hub does not answer, or the client works offline."""


class EngineError(TicketHubError):
    """Work cannot be handed to processes or machines."""


class WorkLostError(EngineError, RuntimeError):
    """Work ended without saying why: its process was killed, or its machine is gone."""
