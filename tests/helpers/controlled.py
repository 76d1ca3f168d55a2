"""A bundle whose tickets were trained beside a control that does worse."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ticket_hub.bundle import content_of, open_bundle, write_bundle
from ticket_hub.bundle.content import ControlContent, LevelContent
from ticket_hub.training import Curves

__all__ = ["GOLDEN", "controlled_bundle"]

GOLDEN = Path(__file__).resolve().parents[1] / "golden/format-1"


def controlled_bundle(folder: Path, control: str = "reinit") -> Path:
    """Write the golden bundle with a control at every level, five points and more below it."""
    content = content_of(open_bundle(GOLDEN))
    controls = tuple(_control(level, control) for level in content.levels if level.index)
    write_bundle(folder, dataclasses.replace(content, controls=controls))
    return folder


def _control(level: LevelContent, control: str) -> ControlContent:
    curves = tuple(_worse(each, 0.05 + 0.001 * trial) for trial, each in enumerate(level.curves))
    return ControlContent(
        control=control, level=level.index, curves=curves, backends=level.backends
    )


def _worse(curves: Curves, points: float) -> Curves:
    return dataclasses.replace(curves, test_accuracy=(curves.test_accuracy - points).clamp(min=0))
