"""Several tries of one claim, such as those of two seeds or two machines, beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ticket_hub.bundle.reproduction_record import SMOKE, ReproductionRecord, claim_digest
from ticket_hub.errors import EvidenceError
from ticket_hub.recipe.tables import to_table
from ticket_hub.table import Column, Table
from ticket_hub.transfer.evidence_of_runs import find_reproduction, read_tried

__all__ = ["ComparedReproductions", "compare_reproductions"]

_MACHINE = ("device", "cpu_capability", "platform")
_VERSIONS = ("ticket_hub", "torch", "python")


@dataclass(frozen=True, kw_only=True)
class ComparedReproductions:
    """Tries of one claim.

    Attributes:
        records: by labels A, B and so on, in the order given.
        agreement: one sentence on whether their words agree.
        notes: what keeps them from being tries of the same.
    """

    records: Mapping[str, ReproductionRecord]
    agreement: str
    notes: tuple[str, ...]

    def to_table(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "reproductions": {label: to_table(each) for label, each in self.records.items()},
            "agreement": self.agreement,
            "notes": list(self.notes),
        }

    def runs_table(self) -> Table:
        """A row for each try: its word, and where it comes from."""
        names = ("run", "claim", "verdict", "budget", "seed", "machine", "versions")
        rows = [
            [
                label,
                each.label,
                each.outcome,
                each.budget,
                str(each.seed),
                _facts(each, _MACHINE, named=False),
                _facts(each, _VERSIONS, named=True),
            ]
            for label, each in self.records.items()
        ]
        return Table([Column(name) for name in names], rows)

    def statements_table(self) -> Table:
        """A row for each statement of each try, those of one statement together."""
        names = ("statement", "run", "n", "measured (95%)", "claimed", "published", "shown")
        said = dict.fromkeys(one.says for each in self.records.values() for one in each.statements)
        rows = [
            [
                one.says,
                label,
                one.counted,
                one.amount,
                one.bound,
                one.published_amount,
                "-" if each.outcome == SMOKE else one.came,
            ]
            for says in said
            for label, each in self.records.items()
            for one in each.statements
            if one.says == says
        ]
        return Table([Column(name) for name in names], rows)


def compare_reproductions(places: Sequence[str | Path]) -> ComparedReproductions:
    """Put tries of one claim beside each other, and say whether their words agree.

    Nothing is pooled: a try has its own tickets, and each keeps its own verdict.

    Args:
        places: what `ticket_hub.reproduce` has written: a `reproduction.json`, its folder, or the
            name of a folder among `reproductions/`.

    Raises:
        EvidenceError: a place is no such record, or they are of different claims.
    """
    records = {}
    for number, place in enumerate(places):
        found = find_reproduction(str(place))
        if found is None:
            raise EvidenceError(
                f"{place} holds no reproduction.json.",
                "Compare what `ticket reproduce` came to with its like alone.",
            )
        records[_label(number)] = read_tried(found)
    names = {each.claim["name"] for each in records.values()}
    if len(names) > 1:
        raise EvidenceError(
            f"These are tries of different claims: {', '.join(sorted(names))}.",
            "Compare tries of one claim.",
        )
    notes = []
    claims, budgets = zip(*map(_tried, records.values()), strict=True)
    if len({*claims}) > 1 or len({*budgets}) > len({each.budget for each in records.values()}):
        notes.append("The claims differ in what is trained or stated: see their digests in JSON.")
    if len({each.budget for each in records.values()}) > 1:
        notes.append("The budgets differ: what a longer training shows need not show in a shorter.")
    seeds = [each.seed for each in records.values()]
    tries = [*zip(claims, budgets, seeds, strict=True)]
    if len(set(tries)) < len(tries):
        notes.append("Tries of one seed have the same draws: they differ by their machines alone.")
    # Trial t of a search has the seed of the try plus t.
    most = max(n for each in records.values() for one in each.statements for n in one.n)
    if any(0 < second - first < most for first, second in pairwise(sorted(seeds))):
        notes.append(
            f"Seeds that are less than {most} apart, the number of trials, have tickets in common."
        )
    return ComparedReproductions(records=records, agreement=_agreement(records), notes=tuple(notes))


def _tried(record: ReproductionRecord) -> tuple[str, str]:
    """Digests of the claim without its budgets, and of the one that it was tried at."""
    budget = record.claim["budgets"][record.budget]
    return (
        claim_digest({**record.claim, "budgets": {}}),
        claim_digest({"budgets": {record.budget: budget}}),
    )


def _label(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"R{number + 1}"  # noqa: PLR2004 - letters


def _agreement(records: Mapping[str, ReproductionRecord]) -> str:
    smoke = [label for label, each in records.items() if each.outcome == SMOKE]
    words = {label: each.outcome for label, each in records.items() if label not in smoke}
    left = f" ({', '.join(smoke)}: {SMOKE})" if smoke else ""
    said = ", ".join(f"{label} {word}" for label, word in words.items())
    kinds = set(words.values())
    if len(words) < 2:  # noqa: PLR2004 - two that may agree
        return f"There are no two verdicts to compare{left}."
    if len(kinds) == 1:
        return f"They agree: {kinds.pop()}{left}."
    if {"reproduced", "not reproduced"} <= kinds:
        return f"They contradict each other: {said}{left}."
    return f"They do not agree, and do not contradict each other: {said}{left}."


def _facts(record: ReproductionRecord, keys: Sequence[str], *, named: bool) -> str:
    known = record.environment
    return ", ".join(f"{key} {known[key]}" if named else known[key] for key in keys if key in known)
