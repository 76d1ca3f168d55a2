"""The backend `sparse-numba`: training over survivors in compiled code."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ticket_hub.data import DataSet, Part
from ticket_hub.project import install_extra
from ticket_hub.recipe import TrainingSpec
from ticket_hub.recipe.axes import OPTIMIZERS
from ticket_hub.shapes import Float64
from ticket_hub.training.backend import register_backend
from ticket_hub.training.member import Member
from ticket_hub.training.optimizers import SGD, Adam, AdamW
from ticket_hub.training.schedules import learning_rates
from ticket_hub.training.sparse.base import SparseBackend, SparseMember, StepExamples
from ticket_hub.training.sparse.memory import OptimizerRule, Parameters, StepTable, TileMemory
from ticket_hub.training.sparse.survivors import refusal
from ticket_hub.training.sparse.wiring import BLOCK, Array, Wiring, wire
from ticket_hub.types import Architecture

__all__ = ["SparseNumba"]

LANES = 64

_tiles: WeakKeyDictionary[Part, Array] = WeakKeyDictionary()


@register_backend("sparse-numba")
class SparseNumba(SparseBackend):
    """Train fully connected networks over their survivors, compiled by numba.

    Hundreds of iterations are one call that holds no interpreter lock. The code is compiled once
    per machine (some five seconds) and then read from the user's cache folder.
    """

    chunk = 500

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
    ) -> None:
        super().__init__(architecture, data, training, members)
        from ticket_hub.training.sparse import kernels, reading

        self._train, self._evaluate = kernels.train, reading.evaluate
        self._rule = _rule(training)
        self._wirings = [wire(trial.survivors, data) for trial in self.trials]
        self._parameters = [_parameters(trial) for trial in self.trials]
        self._work = [
            _work(wiring, trial) for wiring, trial in zip(self._wirings, self.trials, strict=True)
        ]

    @staticmethod
    def refusal(module: nn.Module, training: TrainingSpec, device: torch.device) -> str | None:
        """Why this backend cannot train this network so on this device, or None if it can."""
        if importlib.util.find_spec("numba") is None:
            return f"be had without numba: {install_extra('fast')}"
        if OPTIMIZERS.get(training.optimizer) not in {SGD, Adam, AdamW}:
            return f"train with the optimizer {training.optimizer!r}"
        return refusal(module, training, device)

    def _advance(self, index: int, batches: StepExamples, start: int) -> None:
        done = start - self.trials[index].member.start
        self._train(
            _padded(batches.images).numpy(),
            batches.labels.numpy(),
            self._steps(batches.order, start, done),
            self._wirings[index],
            self._parameters[index],
            self._work[index],
            self._rule,
        )

    def _steps(self, order: Tensor, start: int, done: int) -> StepTable:
        """Batches filled up to whole tiles, and the rates of each step.

        A filler is the batch's first example; its share of the loss is 0.
        """
        steps, batch = order.shape
        tiles = math.ceil(batch / LANES)
        filler = order[:, :1].expand(steps, tiles * LANES - batch)
        share = functional.pad(torch.full((batch,), 1 / batch), (0, tiles * LANES - batch))
        return StepTable(
            order=torch.cat([order, filler], 1).flatten().to(torch.int32).numpy(),
            share=share.view(tiles, LANES).numpy(),
            rates=_rates(self.training, start, start + steps, done),
        )

    def _read(self, index: int, part: Part) -> Float64[Tensor, 2]:
        # The part in tiles of 64 examples, kept as long as it lives; fillers are 0.
        if part not in _tiles:
            rows = _padded(part.inputs.flatten(1))
            filled = functional.pad(rows, (0, 0, 0, -len(rows) % LANES))
            tiles = filled.view(-1, LANES, rows.shape[1]).transpose(1, 2)
            _tiles[part] = tiles.reshape(-1, LANES).contiguous().numpy()
        sums = self._evaluate(
            _tiles[part],
            part.labels.numpy(),
            self._wirings[index],
            self._parameters[index],
            self._work[index],
        )
        return torch.tensor(sums, dtype=torch.float64)


def _padded(rows: Tensor) -> Tensor:
    """Rows of at least 16 pixels, which are moved together."""
    missing = BLOCK - rows.shape[1]
    return functional.pad(rows, (0, missing)) if missing > 0 else rows.contiguous()


def _parameters(trial: SparseMember) -> Parameters:
    slots = [slot.numpy() for slot in trial.slots.values()]
    none = np.zeros(0, np.float32)
    first, second = [*slots, none, none][:2]
    return Parameters(
        flat=trial.flat.numpy(),
        gradient=torch.zeros_like(trial.flat).numpy(),
        first=first,
        second=second,
        edges=trial.survivors.count,
    )


def _work(wiring: Wiring, trial: SparseMember) -> TileMemory:
    units, pixels = trial.survivors.units, max(trial.survivors.layers[0].inputs, BLOCK)
    # By torch, whose memory begins at a multiple of 64 bytes: no row of a tile straddles cache
    # lines.
    return TileMemory(
        bytes=torch.zeros(pixels, LANES, dtype=torch.uint8).numpy(),
        pixels=torch.zeros(pixels, LANES // 2, dtype=torch.int32).numpy(),
        values=torch.zeros(units, LANES).numpy(),
        slopes=torch.zeros(units, LANES).numpy(),
        scaled=torch.zeros(len(wiring.scale)).numpy(),
        bias=torch.zeros(units).numpy(),
        readings=torch.zeros(3, LANES).numpy(),
    )


def _rule(training: TrainingSpec) -> OptimizerRule:
    return OptimizerRule(
        adam=OPTIMIZERS.get(training.optimizer) is not SGD,
        decoupled=OPTIMIZERS.get(training.optimizer) is AdamW,
        nesterov=training.nesterov,
        momentum=np.float32(training.momentum),
        rest1=np.float32(1 - training.beta1),
        beta2=np.float32(training.beta2),
        rest2=np.float32(1 - training.beta2),
        eps=np.float32(training.eps),
        decay=np.float32(training.weight_decay),
    )


def _rates(training: TrainingSpec, start: int, stop: int, done: int) -> Array:
    """The numbers that change from step to step: float32 `(steps, 3)`, worked out in float64."""
    rates = learning_rates(training, start, stop, torch.device("cpu")).numpy()
    if OPTIMIZERS.get(training.optimizer) is SGD:
        return np.stack([rates, rates, rates], 1).astype(np.float32)
    counts = np.arange(done + 1, done + 1 + len(rates))
    first = rates / (1 - training.beta1**counts)
    second = 1 / np.sqrt(1 - training.beta2**counts)
    return np.stack([first, second, 1 - rates * training.weight_decay], 1).astype(np.float32)
