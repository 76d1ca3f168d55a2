"""What tickets were measured to cost, and on which machine: records that a bundle may carry.

Times are of the machine that a record names, and of no other. A record is never overwritten: what
others measure stands beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ticket_hub.bundle import layout, strict
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.strict import one_line
from ticket_hub.durable import canonical_json
from ticket_hub.errors import BundleFormatError, EvidenceError, RecipeError
from ticket_hub.recipe.tables import build, to_table

__all__ = [
    "CostRecord",
    "FormCost",
    "ListedCost",
    "MeasuredForms",
    "decode_costs",
    "demand_of_bundle",
    "encode_costs",
    "listed_cost",
]

FORMAT = 1
DENSE = "dense"
OF_THE_MASK = ("small", "csr", "masked")
"""Forms of a ticket that run as the dense network does, in PyTorch: only these compare with it."""
MAX_RECORDS, MAX_FORMS, MAX_FACTS, MAX_COUNT = 256, 16, 32, 10**18
_FORM = re.compile(r"[a-z][a-z0-9-]{0,31}")
_WHEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, kw_only=True)
class FormCost:
    """One form of a ticket.

    Attributes:
        form: `dense`, `masked` (zeros where the mask drops), `small` (without dead units), `csr`
            (fully connected layers as sparse matrices), `onnx` and `small-onnx` (the masked and the
            smaller network in ONNX Runtime).
        parameters: numbers that are trained, zeros of the mask included.
        nonzero: those that are not 0.
        macs: multiplications with their additions of one input's forward pass, in matrix products
            and convolutions; zeros included, but for those that `csr` leaves out.
        bytes: of the weights as a safetensors file, values, rows and columns of `csr` too; of ONNX,
            the file.
        milliseconds: of a forward pass of the batch: the median of all runs.
        low, high: the first and third quartile.
    """

    form: str
    parameters: int
    nonzero: int
    macs: int
    bytes: int
    milliseconds: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class MeasuredForms:
    """All forms of a ticket, timed in turns on one machine.

    Attributes:
        costs: by form, dense first.
        batch: inputs of a forward pass.
        runs: timed passes of each form, after three that warm up.
        threads: of PyTorch.
        machine: its processor, what PyTorch uses of it, and PyTorch's version.
    """

    costs: tuple[FormCost, ...]
    batch: int
    runs: int
    threads: int
    machine: Mapping[str, str]

    def __getitem__(self, form: str) -> FormCost:
        """One form.

        Raises:
            KeyError: it was not measured.
        """
        for cost in self.costs:
            if cost.form == form:
                return cost
        raise KeyError(form)

    @property
    def slower(self) -> tuple[str, ...]:
        """The forms of single weights that take longer than the dense network, a sentence each."""
        dense = self[DENSE]
        return tuple(
            f"{cost.form} takes {cost.milliseconds / dense.milliseconds:.2f} times as long as the "
            "dense network here."
            for cost in self.costs
            if cost.form in {"masked", "csr"} and cost.low > dense.high
        )

    @property
    def quickest(self) -> FormCost:
        """The form of the ticket with the least time, among those that run as the dense one does.

        ONNX Runtime is quicker with every network, so its times are not the mask's doing; and
        `masked`, which multiplies its zeros, counts only where nothing else was measured.
        """
        own = [cost for cost in self.costs if cost.form in OF_THE_MASK]
        other = [cost for cost in own if cost.form != "masked"] or own
        return min(other, key=lambda cost: (cost.milliseconds, OF_THE_MASK.index(cost.form)))

    def speedup(self, cost: FormCost) -> float:
        """How often it runs in the time that the dense network takes once."""
        return self[DENSE].milliseconds / cost.milliseconds

    @property
    def where(self) -> str:
        """The machine in one line: `AMD EPYC (AVX2), 1 thread, torch 2.13.0`."""
        known = self.machine
        kernels = f" ({known['cpu_capability']})" if "cpu_capability" in known else ""
        parts = [known.get("device", "a machine that is not named") + kernels]
        parts.append(f"{self.threads} thread{'s' * (self.threads != 1)}")
        parts += [f"{name} {known[name]}" for name in ("torch", "onnxruntime") if name in known]
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class CostRecord(MeasuredForms):
    """What one ticket of a bundle was measured to cost.

    Attributes:
        level, trial, ticket: which; the last is its id.
        when: it was measured, as `2026-01-31T12:00:00Z`.
    """

    level: int
    trial: int
    ticket: str
    when: str


@dataclass(frozen=True, kw_only=True)
class ListedCost:
    """What lists show of a ticket's costs: its quickest form, on the machine that measured it.

    Attributes:
        level: of the ticket that was measured.
        form, bytes: as in `FormCost`.
        milliseconds: of a forward pass of the batch, the median.
        speedup: how often it runs while the dense network runs once, there.
        batch: inputs of a forward pass.
        where: the machine, its threads and versions.
    """

    level: int
    form: str
    bytes: int
    milliseconds: float
    speedup: float
    batch: int
    where: str


def listed_cost(
    records: Sequence[CostRecord], level: int, *, only: bool = False
) -> ListedCost | None:
    """What lists show: of the latest record of this level, else of the latest; None without one.

    Args:
        only: whether no other level will do.
    """
    fitting = [each for each in records if each.level == level]
    found = max(
        fitting or ([] if only else records),
        key=lambda each: (each.when, each.level, str(to_table(each))),
        default=None,
    )
    if found is None:
        return None
    quickest = found.quickest
    return ListedCost(
        level=found.level,
        form=quickest.form,
        bytes=quickest.bytes,
        milliseconds=quickest.milliseconds,
        speedup=found.speedup(quickest),
        batch=found.batch,
        where=found.where,
    )


def demand_of_bundle(records: Sequence[CostRecord], manifest: Manifest) -> None:
    """Demand that records are of tickets of a bundle, and not more than it takes.

    Raises:
        EvidenceError: one is of another ticket, stands twice or says what cannot be; or there are
            too many.
    """
    if len(records) > MAX_RECORDS or len(set(map(str, records))) != len(records):
        raise _wrong(f"there are more than {MAX_RECORDS}, or one stands twice")
    for record in records:
        level = manifest.level(record.level)
        known = {each.trial: each.id for each in level.tickets} if level else {}
        if known.get(record.trial) != record.ticket:
            raise _wrong(f"no ticket of level {record.level} is the one that was measured")
        forms = [cost.form for cost in record.costs]
        if not (
            forms[:1] == [DENSE]
            and bool(set(OF_THE_MASK).intersection(forms))
            and len(set(forms)) == len(forms) <= MAX_FORMS
            and all(map(_FORM.fullmatch, forms))
            and all(map(_is_cost, record.costs))
            and record.costs[0].parameters >= manifest.prunable
            and 1 <= record.batch <= MAX_COUNT
            and 1 <= record.runs <= MAX_COUNT
            and 1 <= record.threads <= MAX_COUNT
            and _WHEN.fullmatch(record.when) is not None
        ):
            raise _wrong(f"what is said of level {record.level} cannot be")


def encode_costs(records: Sequence[CostRecord]) -> bytes:
    """The bytes of `costs.json`: canonical JSON and a newline, in the order of levels and times."""
    tables = [to_table(replace(each, machine=_facts(each.machine))) for each in records]
    tables.sort(key=lambda each: (each["level"], each["trial"], each["when"], str(each)))
    return canonical_json({"format": FORMAT, "records": tables}) + b"\n"


def decode_costs(data: bytes | bytearray, manifest: Manifest) -> tuple[CostRecord, ...]:
    """The records from their bytes in a bundle.

    Raises:
        BundleFormatError: they are none, are not of this bundle's tickets, or have another spelling
            than `encode_costs` gives.
    """
    try:
        records = _read(strict.parse(data, source=layout.COSTS))
        demand_of_bundle(records, manifest)
    except EvidenceError as error:
        raise BundleFormatError(f"{layout.COSTS}: {error.problem}", layout.AGAIN) from error
    if encode_costs(records) != data:
        raise BundleFormatError(
            f"{layout.COSTS} has another spelling than the one that is written.", layout.AGAIN
        )
    return records


def _read(table: Any) -> tuple[CostRecord, ...]:  # noqa: ANN401 - any JSON value
    try:
        if type(table["format"]) is not int or table["format"] != FORMAT:
            raise _wrong("they are of another format")
        records = tuple(build(CostRecord, each) for each in table["records"])
    except RecipeError as error:
        raise _wrong(error.problem) from error
    except EvidenceError:  # says what is wrong, and is a ValueError, too
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _wrong("a part of them is missing or of another kind") from error
    return tuple(replace(each, machine=_facts(each.machine)) for each in records)


def _facts(machine: Mapping[str, str]) -> dict[str, str]:
    return {one_line(key): one_line(value) for key, value in list(machine.items())[:MAX_FACTS]}


def _is_cost(cost: FormCost) -> bool:
    counts = (cost.nonzero, cost.parameters, cost.macs, cost.bytes)
    return (
        0 <= cost.nonzero <= cost.parameters
        and all(0 <= each <= MAX_COUNT for each in counts)
        and 0 < cost.low <= cost.milliseconds <= cost.high < math.inf
    )


def _wrong(reason: str) -> EvidenceError:
    return EvidenceError(
        f"These are no costs of this bundle's tickets: {reason[:300]}.",
        "Measure them again with `ticket measure TICKET --keep`.",
    )
