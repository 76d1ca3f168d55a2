"""Records of tried claims, written and read: nothing in one is believed before it was checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ticket_hub.bundle.experiment_record import About, one_line
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.record_checks import decode_as_written, demand_in, read_or_refuse
from ticket_hub.bundle.reproduction_record import (
    SMOKE,
    ComparedTickets,
    ReproductionRecord,
    StatementResult,
    claim_digest,
    word_of,
)
from ticket_hub.durable import canonical_json
from ticket_hub.errors import EvidenceError
from ticket_hub.patterns import SHA256
from ticket_hub.recipe.tables import build, to_table

__all__ = [
    "decode_reproduction",
    "demand_tried",
    "encode_reproduction",
    "read_reproduction",
    "reproduction_in",
]

FORMAT = 1
MIN_TRIALS = 3
MAX_STATEMENTS, MAX_STUDIES, MAX_FACTS = 64, 64, 64
_SEARCH = re.compile(r"[\w.-]{1,64}")
_WHEN = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
_REMEDY = "Send the reproduction.json that `ticket reproduce` wrote, unchanged."


def read_reproduction(table: Any) -> ReproductionRecord:  # noqa: ANN401 - any JSON value
    """Check a record by itself: its digest is that of its claim, and its word that of its numbers.

    Args:
        table: `reproduction.json`, parsed; paths of runs in it are left out.

    Raises:
        EvidenceError: it is no record, or says what cannot be.
    """
    return read_or_refuse(_read, table, _wrong)


def encode_reproduction(record: ReproductionRecord) -> bytes:
    """The bytes of a record in a bundle: canonical JSON and a newline."""
    return canonical_json({"format": FORMAT} | to_table(record)) + b"\n"


def decode_reproduction(data: bytes | bytearray, *, source: str) -> ReproductionRecord:
    """The record from its bytes in a bundle.

    Raises:
        BundleFormatError: it is no record, or has another spelling than `encode_reproduction`.
    """
    return decode_as_written(data, source, read_reproduction, encode_reproduction)


def reproduction_in(manifest: Manifest, data: bytes | bytearray, name: str) -> ReproductionRecord:
    """The record in a file of a bundle.

    Raises:
        BundleFormatError: as `decode_reproduction`, or it is not about this bundle.
    """
    return demand_in(manifest, name, decode_reproduction(data, source=name), demand_tried)


def demand_tried(record: ReproductionRecord, about: About) -> None:
    """Demand that a claim was tried with the tickets of a bundle, and at a budget that counts.

    Raises:
        EvidenceError: it was tried with others, or in a smoke run.
    """
    if record.outcome == SMOKE:
        raise EvidenceError(
            f"{record.label} was tried in a smoke run, which is no verdict.",
            "Try it at a budget that can decide: `ticket reproduce --budget cpu`.",
        )
    mine = [each for each in record.tickets.values() if each.bundle == about.bundle]
    if not mine:
        raise EvidenceError(
            f"{record.label} was not tried with tickets of this bundle ({about.bundle[:12]}), but "
            f"of {', '.join(sorted({each.bundle[:12] for each in record.tickets.values()}))}.",
            "Name the run of a search that the claim has trained.",
        )
    for each in mine:
        for level, ids in each.levels.items():
            known = about.tickets.get(int(level), {})
            if known and list(known.values()) != list(ids):
                raise _wrong(f"a ticket of level {level} is not in the bundle")


def _read(table: Any) -> ReproductionRecord:  # noqa: ANN401 - any JSON value
    if type(table["format"]) is not int or table["format"] != FORMAT:
        raise _wrong("it is of another format")
    claim = table["claim"]
    if claim_digest(claim) != table["digest"]:
        raise _wrong("its digest is not that of its claim")
    if not 1 <= len(table["statements"]) <= MAX_STATEMENTS:
        raise _wrong("it has no statements, or too many")
    statements = tuple(build(StatementResult, each) for each in table["statements"])
    when = table.get("when", "")
    record = ReproductionRecord(
        claim=claim,
        digest=table["digest"],
        budget=one_line(table["budget"]),
        seed=int(table["seed"]),
        outcome=table["outcome"],
        statements=statements,
        tickets=_tickets(table["tickets"]),
        environment={
            one_line(key): one_line(value)
            for key, value in list(table["environment"].items())[:MAX_FACTS]
        },
        who=one_line(table.get("who", "")),
        when=when,
    )
    for text in ("name", "title", "source"):
        if not isinstance(claim[text], str) or not claim[text]:
            raise _wrong(f"its claim has no {text}")
    if _WHEN.fullmatch(when) is None or record.budget not in claim["budgets"]:
        raise _wrong("its time or its budget cannot be")
    _check(record)
    return record


def _tickets(table: Mapping[str, Any]) -> dict[str, ComparedTickets]:
    found = {name: build(ComparedTickets, each) for name, each in table.items()}
    for name, each in found.items():
        ids = [each.bundle, *(ticket for level in each.levels.values() for ticket in level)]
        if not _SEARCH.fullmatch(name) or not all(map(SHA256.fullmatch, ids)):
            raise _wrong("it names no tickets")
        if not all(level.isdigit() for level in each.levels):
            raise _wrong("it names a level that cannot be")
    if not 1 <= len(found) <= MAX_STUDIES:
        raise _wrong("it names no tickets, or too many")
    return found


def _check(record: ReproductionRecord) -> None:
    """The statements are the claim's, and the word is what their numbers say."""
    stated = record.claim["statements"]
    keys = ("says", "measure", "first", "above")
    said = [[each[key] for key in keys] for each in stated]
    if said != [[getattr(each, key) for key in keys] for each in record.statements]:
        raise _wrong("its statements are not those of its claim")
    for each in record.statements:
        found = each.measured
        numbers = [found.mean, found.low, found.high, each.above, each.confidence, *each.densities]
        pairs = all(len(pair) == 2 for pair in (each.n, each.tickets, each.draws, each.densities))  # noqa: PLR2004
        finite = pairs and all(math.isfinite(number) for number in numbers if number is not None)
        enough = min(each.n) >= MIN_TRIALS
        shown = not each.shown or (enough and found.low is not None and found.low > each.above)
        opposed = not each.opposed or (
            enough and found.high is not None and found.high < each.above
        )
        if not (finite and shown and opposed and min(each.n) >= 1 and min(each.draws) >= 1):
            raise _wrong(f"what it says of {each.says[:60]!r} cannot be")
    words = [tuple(getattr(each, name) for each in record.statements) for name in _SHOWN]
    if record.outcome != word_of(record.budget, *words):
        raise _wrong("its word is not what its statements say")


_SHOWN = ("shown", "opposed")


def _wrong(reason: str) -> EvidenceError:
    return EvidenceError(f"This is no record of a claim: {reason[:300]}.", _REMEDY)
