"""What a ticket costs on this machine: dense, masked, and as a smaller network. Measured, not told.

A mask alone saves nothing: zeros are multiplied as fast as other numbers. What a smaller network
saves depends on the machine, so it is timed here, in turns with the dense one.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.environment import fingerprint
from ticket_hub.errors import EvidenceError, NetworkError
from ticket_hub.networks import build
from ticket_hub.networks.passing import blank_inputs, takes_tokens

__all__ = ["Costs", "FormCost", "measure_ticket"]

WARMUP = 3
MIN_RUNS = 20
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class FormCost:
    """One form of a ticket.

    Attributes:
        form: `dense`, `masked` (zeros where the mask drops), or `small` (without dead units).
        parameters: numbers that are trained, zeros of the mask included.
        nonzero: those that are not 0.
        macs: multiplications with their additions of one input's forward pass, in matrix products
            and convolutions; zeros included.
        bytes: of the weights as a safetensors file.
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
class Costs:
    """All forms of a ticket, timed in turns.

    Attributes:
        costs: by form, dense first.
        batch: inputs of a forward pass.
        runs: timed passes of each form, after three that warm up.
        threads: of PyTorch.
        machine: its processor, what PyTorch uses of it, and PyTorch's version.
        left_out: why there is no smaller network; empty where there is.
    """

    costs: tuple[FormCost, ...]
    batch: int
    runs: int
    threads: int
    machine: Mapping[str, str]
    left_out: str = ""


def measure_ticket(
    ticket: TicketContent, *, batch: int = BATCH, runs: int = MIN_RUNS, threads: int = 1
) -> Costs:
    """Measure a ticket's forward pass in evaluation mode, on the CPU.

    Args:
        batch: inputs of a forward pass.
        runs: timed passes of each form, at least 20.
        threads: of PyTorch.

    Raises:
        EvidenceError: a number is out of bounds.
        NetworkError: the network is not registered here.
    """
    _check(batch, runs, threads)
    left_out = ""
    with torch.device("cpu"):
        whole = build(ticket.architecture)
        whole.load_state_dict(dict(ticket.theta0))
        forms: dict[str, nn.Module] = {"dense": whole, "masked": ticket.build(mask=False)}
        try:
            forms["small"] = ticket.build(mask=False, small=True)
        except NetworkError as error:  # its units are not known
            left_out = f"The smaller network is left out: {error}"
        inputs = _inputs(whole, ticket, batch)
    with _threads(threads):
        times = _times(forms, inputs, runs)
    facts = fingerprint("cpu")
    return Costs(
        costs=tuple(_cost(form, module, inputs[:1], times[form]) for form, module in forms.items()),
        batch=batch,
        runs=runs,
        threads=threads,
        machine={name: facts[name] for name in ("device", "cpu_capability", "torch")},
        left_out=left_out,
    )


def _check(batch: int, runs: int, threads: int) -> None:
    cores = os.cpu_count() or 1
    if not (batch >= 1 and runs >= MIN_RUNS and 1 <= threads <= cores):
        raise EvidenceError(
            f"A time of {runs} runs of {batch} inputs on {threads} threads cannot be measured.",
            f"Give at least {MIN_RUNS} runs, at least one input, and from 1 to {cores} threads.",
        )


def _inputs(module: nn.Module, ticket: TicketContent, batch: int) -> Tensor:
    blank = blank_inputs(module, (batch, *ticket.architecture.input_shape))
    generator = torch.Generator().manual_seed(0)
    if takes_tokens(module):
        return torch.randint(0, ticket.architecture.channels, blank.shape, generator=generator)
    return torch.rand(blank.shape, generator=generator)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def _times(forms: Mapping[str, nn.Module], inputs: Tensor, runs: int) -> dict[str, list[float]]:
    """Milliseconds of each run, the forms in turns, so that a busy moment meets all of them."""
    times: dict[str, list[float]] = {form: [] for form in forms}
    for module in forms.values():
        module.eval()
    for run in range(-WARMUP, runs):
        for form, module in forms.items():
            began = time.perf_counter()
            module(inputs)
            if run >= 0:
                times[form].append(1000 * (time.perf_counter() - began))
    return times


def _cost(form: str, module: nn.Module, one: Tensor, times: list[float]) -> FormCost:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module(one)
    state = {name: value.contiguous() for name, value in module.state_dict().items()}
    low, median, high = statistics.quantiles(times, n=4)
    parameters = list(module.parameters())
    return FormCost(
        form=form,
        parameters=sum(value.numel() for value in parameters),
        nonzero=sum(int(value.count_nonzero()) for value in parameters),
        macs=int(counter.get_total_flops()) // 2,
        bytes=len(safetensors.torch.save(state)),
        milliseconds=median,
        low=low,
        high=high,
    )
