"""A bundle whose tickets were trained beside a control that does worse."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ticket_hub.bundle import content_of, open_bundle, write_bundle
from ticket_hub.bundle.content import LevelContent
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.training import Curves

__all__ = ["GOLDEN", "controlled_bundle"]

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"


def controlled_bundle(folder: Path, control: str = "reinit") -> Path:
    """Write the golden bundle with a control at every level, five points and more below it."""
    content = content_of(open_bundle(GOLDEN))
    controls = tuple(
        record for level in content.levels if level.index for record in _records(level, control)
    )
    write_bundle(folder, dataclasses.replace(content, controls=controls))
    return folder


def _records(level: LevelContent, control: str) -> list[CurveRecord]:
    return [
        CurveRecord(
            level=level.index,
            trial=trial,
            control=control,
            backend=backend,
            curves=_worse(curves, 0.05 + 0.001 * trial),
        )
        for trial, (curves, backend) in enumerate(zip(level.curves, level.backends, strict=True))
    ]


def _worse(curves: Curves, points: float) -> Curves:
    return dataclasses.replace(curves, test_accuracy=(curves.test_accuracy - points).clamp(min=0))
