"""Where things lie in a bundle, and how large they may be. Every name is made here, none is read.

See `docs/bundle-format.md`.
"""

from __future__ import annotations

import re

from ticket_hub.recipe import rules

__all__ = [
    "AGAIN",
    "CARD",
    "CONFIG",
    "COSTS",
    "FIGURE",
    "FORMAT",
    "MANIFEST",
    "METRICS",
    "MODEL",
    "RECORDS",
    "REPLAYS",
    "RESULTS",
    "SIGNATURE",
    "evidence_file",
    "is_beside",
    "is_evidence",
    "is_known",
    "is_replay",
    "is_reproduction",
    "mask_file",
    "most_bytes",
    "replay_file",
    "reproduction_file",
    "theta0_file",
]

FORMAT = 1
"""Of a bundle; it grows by optional parts only."""
AGAIN = "Fetch the bundle again, or ask its author to write it again."
"""What to do about one that is damaged."""

MANIFEST = "ticket.json"
"""Marks the folder of a bundle; it is written last."""
CONFIG = "config.json"
"""What other libraries read of a model."""
METRICS = "metrics.json"
"""Every reading of every curve; see `ticket_hub.bundle.metrics`."""
MODEL = "model.safetensors"
"""The weights of the default ticket: theta0 times its mask."""
CARD = "README.md"
"""For people."""
FIGURE = "ladder.svg"
"""The ladder, for the card."""
COSTS = "costs.json"
"""What tickets were measured to cost; see `ticket_hub.bundle.cost_record`."""
RESULTS = ".eval_results/ticket.yaml"
"""What model hubs read of the evidence."""
SIGNATURE = "model.sig"
"""Signs the manifest and what it lists, and so is not in it; see `ticket_hub.signing`."""
REPLAYS = "replays"
"""The folder of what others found when they trained the tickets again. Whoever may add to it need
not write the manifest, and changes nothing that is signed."""
STAGING = ".staged"

MAX_MANIFEST_BYTES = 4 << 20
MAX_CONFIG_BYTES = 64 << 10
MAX_CARD_BYTES = 4 << 20
MAX_TENSOR_BYTES = 1 << 40
MAX_BYTES = {
    CONFIG: MAX_CONFIG_BYTES,
    CARD: MAX_CARD_BYTES,
    COSTS: 1 << 20,
    FIGURE: 256 << 10,
    METRICS: 1 << 30,
    RESULTS: 64 << 10,
}
MAX_SIGNATURE_BYTES = 4 << 20
MAX_REPLAY_BYTES = 256 << 10
MAX_REPLAYS = 256
MAX_EVIDENCE_BYTES = 1 << 20
MAX_EVIDENCE_FILES = 32
MAX_EVIDENCE_TOTAL = 4 << 20
MAX_METRICS_LINE = 4 << 20

MAX_TRIALS, MAX_LEVELS = rules.MAX_TRIALS, rules.MAX_LEVELS + 1  # with level 0
MAX_LAYERS = 4096
MAX_FAMILY = 1_000_000  # comparisons
MAX_CLASSES = 10_000_000
MAX_PIXELS = 1 << 16
MAX_CHANNELS = 1 << 18

_NUMBER = r"(?:0|[1-9][0-9]{0,3})"
_SINGLE = "|".join(map(re.escape, (CONFIG, METRICS, MODEL, CARD, FIGURE, COSTS, RESULTS)))
_EVIDENCE = re.compile(r"evidence/[0-9a-f]{64}\.json")
_REPLAY = re.compile(rf"{REPLAYS}/[0-9a-f]{{64}}\.json")
_REPRODUCTION = re.compile(r"reproductions/[0-9a-f]{64}\.json")
_KNOWN = re.compile(
    rf"(?:{_SINGLE}|{_EVIDENCE.pattern}|{_REPRODUCTION.pattern}"
    rf"|theta0/{_NUMBER}\.safetensors|masks/{_NUMBER}/{_NUMBER}\.safetensors)"
)


def is_known(name: str) -> bool:
    """Whether a bundle of format 1 may list a file of this name in its manifest."""
    return _KNOWN.fullmatch(name) is not None


def most_bytes(name: str) -> int:
    """How large a file of this name may be."""
    record = is_evidence(name) or is_reproduction(name)
    return MAX_EVIDENCE_BYTES if record else MAX_BYTES.get(name, MAX_TENSOR_BYTES)


def is_evidence(name: str) -> bool:
    """Whether a file of this name is a record of an experiment."""
    return _EVIDENCE.fullmatch(name) is not None


def is_replay(name: str) -> bool:
    """Whether a file of this name is the record of a replay."""
    return _REPLAY.fullmatch(name) is not None


def is_beside(name: str) -> bool:
    """Whether a file of this name may lie in a bundle without being in its manifest."""
    return name == SIGNATURE or is_replay(name)


def replay_file(sha256: str) -> str:
    """The file of the record of a replay, by its digest."""
    return f"{REPLAYS}/{sha256}.json"


def evidence_file(sha256: str) -> str:
    """The file of a record of an experiment, by its digest."""
    return f"evidence/{sha256}.json"


def is_reproduction(name: str) -> bool:
    """Whether a file of this name is a record of a claim that was tried."""
    return _REPRODUCTION.fullmatch(name) is not None


def reproduction_file(sha256: str) -> str:
    """The file of a record of a claim that was tried, by its digest."""
    return f"reproductions/{sha256}.json"


RECORDS = ((is_evidence, evidence_file), (is_reproduction, reproduction_file))
"""Kinds of records that are added to a bundle, each file named by its digest."""


def theta0_file(trial: int) -> str:
    """The file of a trial's starting weights."""
    return f"theta0/{trial}.safetensors"


def mask_file(trial: int, level: int) -> str:
    """The file of a trial's mask at a level."""
    return f"masks/{trial}/{level}.safetensors"
