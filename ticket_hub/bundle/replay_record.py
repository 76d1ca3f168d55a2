"""What somebody found who trained the tickets of a bundle again, as it lies beside the manifest.

A record says what came out of which levels, who says so, when and on what machine, and may be
signed with a key that is in it. Nobody can check from the bundle that anything was trained: what
makes records believable is that different people sign them. One that is damaged, of other tickets,
or whose name is not its digest is passed over: whoever may write to a repository can add files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from ticket_hub.bundle import layout, strict
from ticket_hub.bundle.files import BundleFolder
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleError, BundleFormatError, RecipeError
from ticket_hub.patterns import SHA256
from ticket_hub.recipe.tables import build

__all__ = [
    "Outcome",
    "ReplayRecord",
    "ReplayedLevel",
    "decode_replay",
    "encode_replay",
    "read_replays",
    "unsigned_bytes",
]

FORMAT = 1
Outcome = Literal["bit-identical", "reproduced", "not reproduced"]
"""As `ticket_hub.evidence.reproduction.Reproduction`, which needs NumPy."""
MAX_FACTS, MAX_LENGTH = 64, 200
_WHEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, kw_only=True)
class ReplayedLevel:
    """One level that was trained again.

    Attributes:
        level: which.
        outcome: whether what is claimed came out.
        trials, claimed_trials: how many were trained again, of how many.
        claimed, found: mean test accuracies, in [0, 1].
        furthest: the largest difference of one trial's test accuracy from its claim.
    """

    level: int
    outcome: Outcome
    trials: int
    claimed_trials: int
    claimed: float
    found: float
    furthest: float


@dataclass(frozen=True, kw_only=True)
class ReplayRecord:
    """A replay.

    Attributes:
        bundle: the id of the bundle.
        outcome: the worst of the levels.
        levels: the dense one first.
        who: who says so.
        when: as `2026-01-31T12:00:00Z`.
        environment: machine and versions.
        differences: of the environment from the bundle's.
        key: the public key (PEM) that signed it; empty where none did.
        signature: of all the rest with that key, in base64.
    """

    bundle: str
    outcome: Outcome
    levels: tuple[ReplayedLevel, ...]
    who: str
    when: str
    environment: Mapping[str, str]
    differences: tuple[str, ...] = ()
    key: str = ""
    signature: str = field(default="", repr=False)

    @property
    def key_id(self) -> str:
        """The sha256 of the key, by which keys are named; empty without one."""
        return hashlib.sha256(self.key.encode()).hexdigest() if self.key else ""


def unsigned_bytes(record: ReplayRecord) -> bytes:
    """What is signed of a record: the canonical JSON of all but the signature."""
    table = asdict(record)
    del table["signature"]
    return canonical_json(table | {"format": FORMAT})


def encode_replay(record: ReplayRecord) -> bytes:
    """The bytes of a record in a bundle: canonical JSON and a newline."""
    return canonical_json(asdict(record) | {"format": FORMAT}) + b"\n"


def decode_replay(data: bytes | bytearray, name: str) -> ReplayRecord:
    """The record in a file of a bundle.

    Args:
        name: of the file, which says its digest.

    Raises:
        BundleFormatError: it is no record, or has another spelling than `encode_replay` gives.
    """
    if layout.replay_file(hashlib.sha256(data).hexdigest()) != name:
        raise _wrong(name, "its name is not its digest")
    table = strict.parse(data, source=name)
    if not isinstance(table, dict) or table.pop("format", None) != FORMAT:
        raise _wrong(name, "it is of another format")
    try:
        record = build(ReplayRecord, table)
    except RecipeError as error:
        raise _wrong(name, "a part is missing or of another kind") from error
    texts = [record.who, *record.differences, *record.environment, *record.environment.values()]
    if (
        not (
            SHA256.fullmatch(record.bundle) is not None
            and _WHEN.fullmatch(record.when) is not None
            and 1 <= len(record.levels) <= layout.MAX_LEVELS
            and len(record.environment) <= MAX_FACTS >= len(record.differences)
            and all(map(_is_line, texts))
            and bool(record.who)
            and bool(record.key) == bool(record.signature)
            and all(_is_level(each) for each in record.levels)
        )
        or encode_replay(record) != data
    ):
        raise _wrong(name, "it says what cannot be, or in another spelling")
    return record


def read_replays(folder: Path, bundle: str) -> Iterator[ReplayRecord]:
    """The records of replays in the folder of a bundle that are about the tickets with this id."""
    files = BundleFolder(folder)
    paths = sorted((folder / layout.REPLAYS).glob("*.json"))
    for path in paths[: layout.MAX_REPLAYS]:
        name = f"{layout.REPLAYS}/{path.name}"
        try:
            with files.open(name) as found:
                record = decode_replay(found.at(0, layout.MAX_REPLAY_BYTES), name)
        except BundleError:
            continue
        if record.bundle == bundle:
            yield record


def _is_line(text: str) -> bool:
    """Whether a text is what `experiment_record.one_line` gives, which needs NumPy."""
    plain = text.isprintable() and text == " ".join(text.split())
    return plain and len(text) <= MAX_LENGTH


def _is_level(level: ReplayedLevel) -> bool:
    shares = (level.claimed, level.found, level.furthest)
    return (
        0 <= level.level < layout.MAX_LEVELS
        and 1 <= level.trials <= level.claimed_trials <= layout.MAX_TRIALS
        and all(0 <= each <= 1 for each in shares)
    )


def _wrong(name: str, reason: str) -> BundleFormatError:
    return BundleFormatError(
        f"{name} is no record of a replay: {reason}.", "Send what `ticket verify --replay` wrote."
    )
