"""What became of a claim that was tried with the tickets of a bundle, as evidence in it.

`ticket reproduce` writes one as `reproduction.json`: the whole claim with its digest, budget and
seed, what each statement was measured to be, the word, the bundles and tickets that were compared,
and the environment. In a bundle it is what `encode_reproduction` makes of it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ticket_hub.bundle import strict
from ticket_hub.bundle.experiment_record import About, one_line
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleFormatError, EvidenceError, RecipeError
from ticket_hub.evidence.counts import drawn_text
from ticket_hub.patterns import SHA256
from ticket_hub.recipe.spec import LATER
from ticket_hub.recipe.tables import build, to_table

__all__ = [
    "SMOKE",
    "SMOKE_BUDGET",
    "ReproductionRecord",
    "StatementResult",
    "claim_digest",
    "decode_reproduction",
    "demand_tried",
    "encode_reproduction",
    "read_reproduction",
    "reproduction_in",
    "word_of",
]

FORMAT = 1
SMOKE: Literal["smoke run: not a verdict"] = "smoke run: not a verdict"
"""The outcome at the budget `smoke`, whatever was measured."""
SMOKE_BUDGET = "smoke"
WORDS = ("reproduced", "not reproduced", "not decided", SMOKE)
MIN_TRIALS = 3
MAX_STATEMENTS, MAX_STUDIES, MAX_FACTS = 64, 64, 64
_DECISIVE = ("searches", "experiments", "analyses", "statements", "budgets")
_SEARCH = re.compile(r"[\w.-]{1,64}")
_WHEN = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
_REMEDY = "Send the reproduction.json that `ticket reproduce` wrote, unchanged."


@dataclass(frozen=True, kw_only=True)
class MeasuredInterval:
    """A value in the statement's unit with its bounds; None where the spread is not known."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class StatementResult:
    """One statement of a claim with what was measured.

    Attributes:
        says, measure, layer, first, second, above, published: as the claim has them.
        unit: of the measure, such as `points`; empty where it has none.
        measured: the first side against the second.
        confidence, pairing, method: see `ticket_hub.evidence.Contrast`.
        n, tickets, draws, densities: of both sides.
        shown, opposed: whether the statement, or its opposite, is shown.
    """

    says: str
    measure: str
    first: str
    second: str
    above: float
    published: float | None
    layer: str
    unit: str
    measured: MeasuredInterval
    confidence: float
    pairing: str
    method: str
    n: tuple[int, int]
    tickets: tuple[int | None, int | None]
    draws: tuple[int, int]
    densities: tuple[float, float]
    shown: bool
    opposed: bool

    @property
    def counted(self) -> str:
        """Of how many tickets it is, such as `5 tickets, 3 reinitializations each`."""
        side = self.second if self.draws[1] > self.draws[0] else self.first
        control = side.partition(":")[2].partition("@")[0]
        return drawn_text(self.n[0], self.tickets[0], control, max(self.draws))

    @property
    def amount(self) -> str:
        """What was measured with its interval: `+0.60 points (+0.37 to +0.83)`."""
        found, form = self.measured, self._form
        known = found.low is not None and found.high is not None
        spread = f" ({found.low:{form}} to {found.high:{form}})" if known else " (spread not known)"
        return f"{found.mean:{form}}{self._unit}{spread}"

    @property
    def bound(self) -> str:
        """What the claim says: `above 0 points`."""
        return f"above {self.above:g}{self._unit}"

    @property
    def published_amount(self) -> str:
        """What the paper has; a dash where it has no number."""
        return "-" if self.published is None else f"{self.published:{self._form}}{self._unit}"

    @property
    def came(self) -> str:
        """Whether it is shown, in a word."""
        return "yes" if self.shown else "the opposite" if self.opposed else "no"

    @property
    def _unit(self) -> str:
        return self.unit if self.unit in {"", "x"} else f" {self.unit}"

    @property
    def _form(self) -> str:
        return ".2f" if self.unit == "x" else "+.2f" if self.unit else "+.3g"


@dataclass(frozen=True, kw_only=True)
class ComparedTickets:
    """The tickets of one search that the claim is about: by level, the ids by trial."""

    bundle: str
    levels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class ReproductionRecord:
    """A claim that was tried.

    Attributes:
        claim: the whole claim, as `ticket_hub.claims.Claim.to_table` gives it.
        digest: of what decides in it.
        budget, seed: of the run.
        outcome: one of `WORDS`.
        statements: what each came to.
        tickets: by search, what was compared.
        environment: machine and versions.
        who, when: who says so, and when it was finished; empty where nobody said.
    """

    claim: Mapping[str, Any]
    digest: str
    budget: str
    seed: int
    outcome: str
    statements: tuple[StatementResult, ...]
    tickets: Mapping[str, ComparedTickets]
    environment: Mapping[str, str]
    who: str = field(default="", metadata=LATER)
    when: str = field(default="", metadata=LATER)

    @property
    def label(self) -> str:
        """`claim 3`, or the name of a claim of another list."""
        number = self.claim.get("number")
        return f"claim {number}" if type(number) is int else f"claim {one_line(self.claim['name'])}"

    @property
    def line(self) -> str:
        """The record in one line: `claim 3: reproduced (...)`."""
        parts = [f"{each.amount}, claimed {each.bound}" for each in self.statements]
        parts += [f"n = {self.statements[0].counted}", f"budget {self.budget}, seed {self.seed}"]
        return f"{self.label}: {self.outcome} ({'; '.join(parts)})"

    def marked(self, *, who: str = "", when: str = "") -> ReproductionRecord:
        """The same, saying who made it and when; an empty text leaves what it says."""
        return replace(self, who=one_line(who) or self.who, when=when or self.when)

    def supersedes(self, other: ReproductionRecord) -> bool:
        """Whether the other is the same try by the same person in the same environment."""

        def key(each: ReproductionRecord) -> tuple[Any, ...]:
            """What tells one try from another."""
            return each.digest, each.budget, each.seed, each.who, each.environment

        return key(self) == key(other)


def claim_digest(table: Mapping[str, Any]) -> str:
    """sha256 over what decides in a claim: all that is trained, analysed, stated, and budgets."""
    return hashlib.sha256(
        canonical_json({key: table[key] for key in _DECISIVE if key in table})
    ).hexdigest()


def word_of(budget: str, shown: tuple[bool, ...], opposed: tuple[bool, ...]) -> str:
    """The word for a claim: all of its statements are shown, or the opposite of one is."""
    if budget == SMOKE_BUDGET:
        return SMOKE
    if all(shown):
        return "reproduced"
    return "not reproduced" if any(opposed) else "not decided"


def read_reproduction(table: Any) -> ReproductionRecord:  # noqa: ANN401 - any JSON value
    """Check a record by itself: its digest is that of its claim, and its word that of its numbers.

    Args:
        table: `reproduction.json`, parsed; paths of runs in it are left out.

    Raises:
        EvidenceError: it is no record, or says what cannot be.
    """
    try:
        return _read(table)
    except EvidenceError:
        raise
    except RecipeError as error:
        raise _wrong(error.problem) from error
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise _wrong("a part of it is missing or of another kind") from error


def encode_reproduction(record: ReproductionRecord) -> bytes:
    """The bytes of a record in a bundle: canonical JSON and a newline."""
    return canonical_json({"format": FORMAT} | to_table(record)) + b"\n"


def decode_reproduction(data: bytes | bytearray, *, source: str) -> ReproductionRecord:
    """The record from its bytes in a bundle.

    Raises:
        BundleFormatError: it is no record, or has another spelling than `encode_reproduction`.
    """
    try:
        record = read_reproduction(strict.parse(data, source=source))
    except EvidenceError as error:
        raise BundleFormatError(f"{source}: {error.problem}", error.remedy) from error
    if encode_reproduction(record) != data:
        raise BundleFormatError(
            f"{source} has another spelling than the one that is written.",
            "Fetch the bundle again, or ask its author to write it again.",
        )
    return record


def reproduction_in(manifest: Manifest, data: bytes | bytearray, name: str) -> ReproductionRecord:
    """The record in a file of a bundle.

    Raises:
        BundleFormatError: as `decode_reproduction`, or it is not about this bundle.
    """
    record = decode_reproduction(data, source=name)
    try:
        demand_tried(record, About.of(manifest))
    except EvidenceError as error:
        raise BundleFormatError(f"{name}: {error.problem}", error.remedy) from error
    return record


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
