"""What a ticket costs on this machine, in every form that it can run in. Measured, not told.

A mask alone saves nothing: zeros are multiplied as fast as other numbers. What a smaller network,
a sparse product or another runtime saves depends on the machine, so all are timed here, in turns.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ticket_hub.bundle.cost_record import CostRecord, FormCost, MeasuredForms
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.environment import fingerprint
from ticket_hub.errors import EvidenceError, ExportError, NetworkError
from ticket_hub.interop.exporters.onnx import NEEDED, encode
from ticket_hub.networks import build
from ticket_hub.networks.passing import blank_inputs, takes_tokens
from ticket_hub.project import install_extra
from ticket_hub.report.csr import CsrLinear, csr_module

__all__ = ["Costs", "FormCost", "measure_ticket"]

WARMUP = 3
MIN_RUNS = 20
BATCH = 64
ONNX_NEEDED = (*NEEDED, "onnxruntime")


@dataclass(frozen=True, kw_only=True)
class Costs(MeasuredForms):
    """All forms of a ticket, timed in turns.

    Attributes:
        left_out: one sentence for each form that is not there, and why.
    """

    left_out: tuple[str, ...] = ()

    def record(self, *, level: int, trial: int, ticket: str) -> CostRecord:
        """What a bundle keeps of it, as measured now.

        Args:
            level, trial, ticket: which ticket of the bundle it is, by its numbers and its id.
        """
        return CostRecord(
            level=level,
            trial=trial,
            ticket=ticket,
            when=datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            costs=self.costs,
            batch=self.batch,
            runs=self.runs,
            threads=self.threads,
            machine=self.machine,
        )


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
    with torch.device("cpu"):
        forms, left_out = _forms(ticket)
        module = forms["dense"]
        blank = blank_inputs(module, (batch, *ticket.architecture.input_shape))
        generator = torch.Generator().manual_seed(0)
        inputs = (
            torch.randint(0, ticket.architecture.channels, blank.shape, generator=generator)
            if takes_tokens(module)
            else torch.rand(blank.shape, generator=generator)
        )
        if "csr" in forms and (reason := _failure(forms["csr"], inputs[:1])):
            del forms["csr"]
            left_out.append(f"CSR is left out: the network reads its layers' weights: {reason}")
    with _threads(threads):
        passes: dict[str, Callable[[], object]] = {
            form: partial(module.eval(), inputs) for form, module in forms.items()
        }
        files, lacking = _onnx_files(forms, ticket)
        for form, content in files.items():
            passes[form] = _session(content, inputs, threads)
        times = _times(passes, runs)
    costs = [_cost(form, module, inputs[:1], times[form]) for form, module in forms.items()]
    by_form = {cost.form: cost for cost in costs}
    for form, content in files.items():
        like = by_form[_OF[form]]
        low, median, high = statistics.quantiles(times[form], n=4)
        costs.append(
            replace(like, form=form, bytes=len(content), milliseconds=median, low=low, high=high)
        )
    facts = fingerprint("cpu")
    machine = {name: facts[name] for name in ("device", "cpu_capability", "torch")}
    if files:
        machine["onnxruntime"] = importlib.metadata.version("onnxruntime")
    return Costs(
        costs=tuple(costs),
        batch=batch,
        runs=runs,
        threads=threads,
        machine=machine,
        left_out=(*left_out, *lacking),
    )


_OF = {"onnx": "masked", "small-onnx": "small"}
"""Form in ONNX Runtime -> the module that it is of."""


def _forms(ticket: TicketContent) -> tuple[dict[str, nn.Module], list[str]]:
    """The modules, and why others are not there."""
    whole = build(ticket.architecture)
    whole.load_state_dict(dict(ticket.theta0))
    masked = ticket.build(mask=False)
    forms: dict[str, nn.Module] = {"dense": whole, "masked": masked}
    left_out = []
    try:
        forms["small"] = ticket.build(mask=False, small=True)
    except NetworkError as error:  # its units are not known
        left_out.append(f"The smaller network is left out: {error}")
    rows = csr_module(masked)
    if rows is None:
        left_out.append("CSR is left out: no layer is fully connected.")
    else:
        forms["csr"] = rows
    return forms, left_out


@torch.inference_mode()
def _failure(module: nn.Module, inputs: Tensor) -> str:
    try:
        module.eval()(inputs)
    except (AttributeError, RuntimeError, TypeError) as error:
        return str(error)
    return ""


def _onnx_files(
    forms: Mapping[str, nn.Module], ticket: TicketContent
) -> tuple[dict[str, bytes], list[str]]:
    """The ONNX files of the masked and the smaller network, and why others are not there."""
    missing = [name for name in ONNX_NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        install = install_extra("onnx")
        return {}, [f"ONNX Runtime is left out: {', '.join(missing)} must be installed: {install}."]
    if takes_tokens(forms["dense"]):
        return {}, ["ONNX Runtime is left out: the network reads texts."]
    files: dict[str, bytes] = {}
    try:
        for form, of in _OF.items():
            if of in forms:
                files[form] = encode(forms[of].eval(), ticket.architecture.input_shape)
    except ExportError as error:
        return {}, [f"ONNX Runtime is left out: {error.problem}"]
    return files, []


def _session(content: bytes, inputs: Tensor, threads: int) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: inputs.numpy()}
    return lambda: session.run(None, given)


def _check(batch: int, runs: int, threads: int) -> None:
    cores = os.cpu_count() or 1
    if not (batch >= 1 and runs >= MIN_RUNS and 1 <= threads <= cores):
        raise EvidenceError(
            f"A time of {runs} runs of {batch} inputs on {threads} threads cannot be measured.",
            f"Give at least {MIN_RUNS} runs, at least one input, and from 1 to {cores} threads.",
        )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def _times(passes: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Milliseconds of each run, the forms in turns, so that a busy moment meets all of them."""
    times: dict[str, list[float]] = {form: [] for form in passes}
    for run in range(-WARMUP, runs):
        for form, forward in passes.items():
            began = time.perf_counter()
            forward()
            if run >= 0:
                times[form].append(1000 * (time.perf_counter() - began))
    return times


def _multiplications(module: nn.Module, one: Tensor) -> int:
    """Of a forward pass, in products that PyTorch's counter sees.

    It sees none within the fused kernels of attentions and, on a CPU, of LSTMs.
    """
    counter, fused = FlopCounterMode(display=False), torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        # That its flags mean nothing for the GPUs of this build, oneDNN says in a warning.
        with (
            warnings.catch_warnings(action="ignore"),
            torch.backends.mkldnn.flags(enabled=False),
            counter,
            torch.no_grad(),
        ):
            module(one)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops()) // 2


def _cost(form: str, module: nn.Module, one: Tensor, times: list[float]) -> FormCost:
    low, median, high = statistics.quantiles(times, n=4)
    state = {name: value.contiguous() for name, value in module.state_dict().items()}
    sparse = [part for part in module.modules() if isinstance(part, CsrLinear)]
    parameters = list(module.parameters())
    held = sum(len(part.values) for part in sparse)
    return FormCost(
        form=form,
        parameters=sum(value.numel() for value in parameters) + held,
        nonzero=sum(int(value.count_nonzero()) for value in parameters)
        + sum(int(part.values.count_nonzero()) for part in sparse),
        macs=_multiplications(module, one)
        - sum(part.dense_multiplications - part.multiplications for part in sparse),
        bytes=len(safetensors.torch.save(state)),
        milliseconds=median,
        low=low,
        high=high,
    )
