"""What tickets of a bundle were measured to cost, as if on a machine of a name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ticket_hub.bundle import open_bundle
from ticket_hub.bundle.cost_record import CostRecord, FormCost


def form_cost(form: str, milliseconds: float, **other: Any) -> FormCost:  # noqa: ANN401 - of any field
    plain = {
        "parameters": 2000, "nonzero": 100, "macs": 2000, "bytes": 8000,
        "low": milliseconds - 0.01, "high": milliseconds + 0.01,
    }  # fmt: skip
    return FormCost(form=form, milliseconds=milliseconds, **(plain | other))


def cost_record(
    bundle: Path,
    *,
    level: int = 2,
    device: str = "Abacus",
    **other: Any,  # noqa: ANN401 - of any field
) -> CostRecord:
    manifest = open_bundle(bundle).manifest
    found = manifest.level(level)
    assert found is not None
    size = manifest.prunable
    costs = tuple(
        form_cost(form, milliseconds, parameters=size, bytes=4 * size)
        for form, milliseconds in (("dense", 2.0), ("masked", 1.9), ("csr", 3.0))
    )
    small = form_cost("small", 0.5, parameters=size // 2, nonzero=50, bytes=2 * size)
    plain = CostRecord(
        level=level,
        trial=found.tickets[0].trial,
        ticket=found.tickets[0].id,
        when="2026-01-31T12:00:00Z",
        costs=(*costs, small, form_cost("onnx", 0.1, parameters=size)),
        batch=64,
        runs=20,
        threads=1,
        machine={"device": device, "torch": "2.13.0"},
    )
    return dataclasses.replace(plain, **other)
