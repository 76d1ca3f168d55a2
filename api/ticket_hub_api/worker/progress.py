"""From the lines that a work writes to what followers are told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ticket_hub_api.jobs.leases import WorkerEvent
from ticket_hub_api.store.job_tables import EventKind

__all__ = ["Meter"]

MAX_CURVES, MAX_POINTS = 12, 64
TOLD: Mapping[str, EventKind] = {"level": "level", "result": "result", "notice": "notice"}
"""What a work writes -> what followers are told."""


@dataclass
class Meter:
    """How far a work is.

    Attributes:
        total: levels of a search, or networks of a retraining.
        unit: what is counted: `level` or `result`.
        offset: how many bytes of the work's progress file are taken in.
        curves: of the members that train, at most so many: iteration and validation accuracy.
    """

    total: int
    unit: Literal["level", "result"]
    offset: int = 0
    done: int = 0
    members: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    latest: Mapping[str, Any] = field(default_factory=dict)

    def take(self, lines: Iterable[Mapping[str, Any]]) -> list[WorkerEvent]:
        """Take lines in; the events among them that followers have not been told yet."""
        told: list[WorkerEvent] = []
        for line in lines:
            kind = str(line["event"])
            data = {key: value for key, value in line.items() if key != "event"}
            if kind == "started":
                self.done, self.members, self.curves = 0, {}, {}
            elif kind == "progress":
                self.latest = data
                self.members[str(data["member"])] = data["iteration"] / data["iterations"]
                self._draw(str(data["member"]), data["iteration"], data.get("validation_accuracy"))
            elif kind == self.unit:
                self.done += 1
                self.members, self.curves = {}, {}
            if kind in TOLD and not data.pop("resumed", False):
                told.append((TOLD[kind], data))
        return told

    def _draw(self, member: str, iteration: int, accuracy: float | None) -> None:
        """Add a point to a curve, which keeps every second of its points when it has too many."""
        if accuracy is None or math.isnan(accuracy):
            return
        if member not in self.curves and len(self.curves) == MAX_CURVES:
            return
        curve = self.curves.setdefault(member, [])
        curve.append((iteration, round(accuracy, 5)))
        if len(curve) > MAX_POINTS:
            del curve[1:-1:2]

    def reading(self) -> dict[str, Any]:
        """The newest reading: `done` in [0, 1], `text`, the latest member's numbers, curves."""
        parts = sum(self.members.values())
        share = parts / len(self.members) if self.unit == "level" and self.members else parts
        done = min(1.0, (self.done + share) / self.total) if self.total else 0.0
        noun = "levels" if self.unit == "level" else "networks"
        return {
            "done": round(done, 4),
            "text": f"{self.done} of {self.total} {noun}",
            "latest": dict(self.latest),
            "curves": {name: list(curve) for name, curve in self.curves.items()},
            "offset": self.offset,
        }
