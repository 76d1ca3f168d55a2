"""Entries that compete in one ranking."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RankingGroup"]


@dataclass(frozen=True, kw_only=True)
class RankingGroup:
    """Layers that compete in one ranking.

    Attributes:
        names: of the layers, in the order of the network.
        size: entries in all of them, pruned or not: what the granularity keeps or drops as one.
        rate: share that goes each round: of the kept entries, or, where it is `linear`, of all.
        linear: whether every round drops as many.
        each: weights of an entry; units have no one number of weights.
        left: entries that every level above 0 keeps, where no rate decides it.
    """

    names: tuple[str, ...]
    size: int
    rate: float
    linear: bool = False
    each: int = 1
    left: int | None = None

    def drop(self, kept: int) -> int:
        """How many of the kept entries go in the next round: rounded half to even.

        Where a linear round would drop less than one entry, rounds that drop none are passed over.
        """
        if self.left is not None:
            return kept - self.left
        if not self.linear:
            return round(self.rate * kept)
        dropped, each = self.size - kept, self.rate * self.size
        rounds = int(dropped / each)
        while round(each * rounds) <= dropped:
            rounds += 1
        return min(kept, round(each * rounds) - dropped)

    def survivors(self, level: int) -> int:
        """The entries that are left at a level."""
        kept = self.size
        for _ in range(level):
            kept -= self.drop(kept)
        return kept

    def share(self, level: float) -> float:
        """The share of the entries that is left at a level, which may lie between two."""
        return max(0.0, 1 - self.rate * level) if self.linear else (1 - self.rate) ** level
