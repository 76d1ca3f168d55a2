"""What became of a claim that was tried with the tickets of a bundle, as evidence in it.

`ticket reproduce` writes one as `reproduction.json`: the whole claim with its digest, budget and
seed, what each statement was measured to be, the word, the bundles and tickets that were compared,
and the environment. In a bundle it is what `encode_reproduction` makes of it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from ticket_hub.bundle.experiment_record import one_line
from ticket_hub.durable import canonical_json
from ticket_hub.evidence.counts import drawn_text
from ticket_hub.recipe.spec import LATER

__all__ = [
    "SMOKE",
    "SMOKE_BUDGET",
    "ReproductionRecord",
    "StatementResult",
    "by_number",
    "claim_digest",
    "word_of",
]

ClaimWord: TypeAlias = Literal[
    "reproduced", "not reproduced", "not decided", "smoke run: not a verdict"
]
"""What became of a claim."""
SMOKE: Final = "smoke run: not a verdict"
"""The outcome at the budget `smoke`, whatever was measured."""
SMOKE_BUDGET = "smoke"
_DECISIVE = ("searches", "experiments", "analyses", "statements", "budgets")


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
        outcome: the word for it; see `word_of`.
        statements: what each came to.
        tickets: by search, what was compared.
        environment: machine and versions.
        who, when: who says so, and when it was finished; empty where nobody said.
    """

    claim: Mapping[str, Any]
    digest: str
    budget: str
    seed: int
    outcome: ClaimWord
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
    def title(self) -> str:
        """What is claimed, in one line of at most 200 characters."""
        return one_line(str(self.claim["title"])[:200])

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


def by_number(records: Iterable[ReproductionRecord]) -> tuple[ReproductionRecord, ...]:
    """Records by the numbers of their claims, then those of other lists by name."""

    def place(record: ReproductionRecord) -> tuple[float, str]:
        number = record.claim.get("number")
        return (number if type(number) is int else math.inf), record.label

    return tuple(sorted(records, key=place))


def claim_digest(table: Mapping[str, Any]) -> str:
    """sha256 over what decides in a claim: all that is trained, analysed, stated, and budgets."""
    return hashlib.sha256(
        canonical_json({key: table[key] for key in _DECISIVE if key in table})
    ).hexdigest()


def word_of(budget: str, shown: tuple[bool, ...], opposed: tuple[bool, ...]) -> ClaimWord:
    """The word for a claim: all of its statements are shown, or the opposite of one is."""
    if budget == SMOKE_BUDGET:
        return SMOKE
    if all(shown):
        return "reproduced"
    return "not reproduced" if any(opposed) else "not decided"
