"""The backend `sparse-torch`: training over survivors with PyTorch's own kernels.

PyTorch's sparse matrices are slow on a CPU, but two of its kernels do just what is needed:

- `embedding_bag` sums weighted rows of a table, which is sparse times dense: the table holds one
  row for each input, the examples of a batch side by side; a unit is a bag, its survivors are the
  weights. For float32 on x86 it is compiled to the width of the batch (FBGEMM).
- `sampled_addmm` takes scalar products at the places of survivors alone: their gradients.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ticket_hub.data import DataSet, Part
from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Float64
from ticket_hub.training.backend import register_backend
from ticket_hub.training.member import Member
from ticket_hub.training.optimizers import make_optimizer
from ticket_hub.training.schedules import learning_rates
from ticket_hub.training.sparse.base import SparseBackend, SparseMember, StepExamples
from ticket_hub.training.sparse.survivors import SparseLayer, refusal
from ticket_hub.types import Architecture

__all__ = ["SparseTorch"]

EVALUATION_BATCH = 250  # columns of float32 that a core's own cache holds for most pixels
EVEN = 16  # batches are filled up to a multiple of it, for which the kernels are faster


@register_backend("sparse-torch")
class SparseTorch(SparseBackend):
    """Train fully connected networks over their survivors, with nothing but PyTorch."""

    chunk = 16

    def __init__(
        self,
        architecture: Architecture,
        data: DataSet,
        training: TrainingSpec,
        members: Sequence[Member],
    ) -> None:
        super().__init__(architecture, data, training, members)
        self._networks = [_Network(trial, training) for trial in self.trials]
        self._pixels = [_Pixels(data, network.live) for network in self._networks]

    @staticmethod
    def refusal(module: nn.Module, training: TrainingSpec, device: torch.device) -> str | None:
        """Why this backend cannot train this network so on this device, or None if it can."""
        return refusal(module, training, device)

    @torch.inference_mode()
    def _advance(self, index: int, batches: StepExamples, start: int) -> None:
        network, (steps, batch) = self._networks[index], batches.order.shape
        network.optimizer.begin(start - self.trials[index].member.start)
        # A filler is the batch's first example; its share of the loss is 0.
        fillers = -batch % EVEN
        order = torch.cat([batches.order, batches.order[:, :1].expand(steps, fillers)], 1)
        share = functional.pad(torch.full((1, batch), 1 / batch), (0, fillers))
        tables = self._pixels[index].batches(batches.images, order)
        labels = batches.labels[order].unsqueeze(1)
        rates = learning_rates(self.training, start, start + steps, labels.device)
        for step in range(steps):
            network.step(tables[step], labels[step], share, rates[step])

    @torch.inference_mode()
    def _read(self, index: int, part: Part) -> Float64[Tensor, 2]:
        network, pixels = self._networks[index], self._pixels[index]
        logits = torch.cat([network.forward(table)[-1] for table in pixels.tables(part)], 1)
        losses = torch.logsumexp(logits, 0) - logits.gather(0, part.labels.unsqueeze(0))[0]
        hits = (logits.argmax(0) == part.labels).sum()
        return torch.stack([losses.double().sum(), hits.double()])


class _Pixels:
    """The pixels that one member's survivors read, as tables of float32."""

    def __init__(self, data: DataSet, live: Tensor) -> None:
        self._live = live
        area = data.input_shape[1] * data.input_shape[2]
        self._is_unit = data.spec.normalize == "unit"
        self._mean, self._std = (
            values.repeat_interleave(area)[live].unsqueeze(1) for values in (data.mean, data.std)
        )
        self._images, self._rows = data.train.inputs, torch.empty(0)
        self._bytes: dict[Part, list[Tensor]] = {}
        self._memory = torch.empty(0)

    def batches(self, images: Tensor, order: Tensor) -> Tensor:
        """`(steps, live, batch)` from uint8 `(examples, pixels)`."""
        chosen = self._chosen(images, order.flatten())
        return self._normalized(chosen.view(*order.shape, len(self._live)).transpose(1, 2))

    def _chosen(self, images: Tensor, order: Tensor) -> Tensor:
        """Some examples' live pixels; those of the training part are kept beside each other."""
        # Augmented images come in memory of their own each time: nothing of them can be kept.
        if images.data_ptr() != self._images.data_ptr():
            return images.index_select(0, order).index_select(1, self._live)
        if not len(self._rows):
            self._rows = images.index_select(1, self._live)
        return self._rows.index_select(0, order)

    def tables(self, part: Part) -> Iterator[Tensor]:
        """`(live, at most 250)` each; one is good until the next is asked for."""
        if part not in self._bytes:
            self._bytes[part] = [
                images.flatten(1).t().index_select(0, self._live)
                for images in part.inputs.split(EVALUATION_BATCH)
            ]
        for pixels in self._bytes[part]:
            yield self._normalized(pixels)

    def _normalized(self, pixels: Tensor) -> Tensor:
        """`(..., live, examples)` from bytes to the network's input, always in the same memory."""
        if self._memory.numel() < pixels.numel():
            self._memory = torch.empty(pixels.numel())
        values = self._memory[: pixels.numel()].view(pixels.shape)
        torch.div(pixels, 255, out=values)
        return values if self._is_unit else values.sub_(self._mean).div_(self._std)


class _Wires:
    """One layer: its survivors as bags, in both directions, and views of the flat vectors."""

    def __init__(self, layer: SparseLayer, columns: Tensor, inputs: int) -> None:
        self.shape = (layer.outputs, inputs)
        self.starts, self.columns = layer.starts.int(), columns.int()
        self.order = columns.argsort(stable=True)
        self.out_rows = layer.rows[self.order].int()
        counts = torch.bincount(columns, minlength=inputs)
        self.out_starts = functional.pad(counts.cumsum(0), (1, 0)).int()
        self.places = _places(self.starts, self.columns, self.shape)

    def bind(self, weights: Tensor, bias: Tensor, slopes: Tensor, bias_slopes: Tensor) -> None:
        """Tell where in the flat vectors the layer's parameters and their gradients lie."""
        self.weights, self.bias = weights, bias.unsqueeze(1)
        self.slopes, self.bias_slopes = slopes, bias_slopes

    def forward(self, table: Tensor) -> Tensor:
        """`(inputs, examples)` -> `(outputs, examples)`."""
        return _bags(table, self.columns, self.starts, self.weights).add_(self.bias)

    def collect(self, slopes: Tensor, table: Tensor) -> None:
        """Write the gradients of survivors and biases."""
        torch.sum(slopes, 1, out=self.bias_slopes)
        if len(self.columns):
            sums = torch.sparse.sampled_addmm(self.places, slopes, table.t(), beta=0.0)
            self.slopes.copy_(sums.values())

    def backward(self, slopes: Tensor, values: Tensor) -> Tensor:
        """Derivatives by the sums of the layer below, whose rectified values are given."""
        weights = self.weights.index_select(0, self.order)
        below = _bags(slopes, self.out_rows, self.out_starts, weights)
        return torch.ops.aten.threshold_backward(below, values, 0)  # type: ignore[no-any-return]


class _Network:
    """One member, ready to step.

    Attributes:
        live: int64: the pixels that a survivor reads.
    """

    def __init__(self, trial: SparseMember, training: TrainingSpec) -> None:
        layers = trial.survivors.layers
        self.live, columns = layers[0].columns.unique(return_inverse=True)
        self.wires = [_Wires(layers[0], columns, len(self.live))]
        self.wires += [_Wires(layer, layer.columns, layer.inputs) for layer in layers[1:]]
        self.gradient = torch.zeros_like(trial.flat)
        sizes = [len(layer.kept) for layer in layers] + [layer.outputs for layer in layers]
        parts, slopes = trial.flat.split(sizes), self.gradient.split(sizes)
        for index, wires in enumerate(self.wires):
            bias = len(layers) + index
            wires.bind(parts[index], parts[bias], slopes[index], slopes[bias])
        slots = {name: [slot] for name, slot in trial.slots.items()}
        self.optimizer = make_optimizer(training, [trial.flat], slots)

    def forward(self, table: Tensor) -> list[Tensor]:
        """The input, the rectified values of each hidden layer, and the logits."""
        values = [table]
        for wires in self.wires[:-1]:
            values.append(wires.forward(values[-1]).relu_())
        return [*values, self.wires[-1].forward(values[-1])]

    def step(self, table: Tensor, labels: Tensor, share: Tensor, lr: Tensor) -> None:
        """One optimizer step on one batch.

        Shapes:
            `labels`, `share`: `(1, batch)`; the latter is each example's part of the mean.
        """
        *values, logits = self.forward(table)
        slopes = torch.softmax(logits, 0).mul_(share).scatter_add_(0, labels, share.neg())
        for index in range(len(self.wires) - 1, -1, -1):
            self.wires[index].collect(slopes, values[index])
            if index:
                slopes = self.wires[index].backward(slopes, values[index])
        self.optimizer.step([self.gradient], lr)


def _bags(table: Tensor, columns: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
    """A sparse matrix of rows (`columns`, `weights`) that begin at `starts`, times the table."""
    if not len(columns):
        return table.new_zeros(len(starts) - 1, table.shape[1])
    # What functional.embedding_bag calls; its checks take longer than the sums.
    return torch.embedding_bag(
        weight=table,
        indices=columns,
        offsets=starts,
        mode=0,
        per_sample_weights=weights,
        include_last_offset=True,
    )[0]


def _places(starts: Tensor, columns: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():
        # PyTorch calls its sparse CSR tensors beta; what is used of them is tested here.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        # torch 2.11 warns that nothing is checked by default, also where a check is asked for.
        warnings.filterwarnings("ignore", message="Sparse invariant checks are implicitly disabled")
        return torch.sparse_csr_tensor(
            starts, columns, torch.zeros(len(columns)), shape, check_invariants=True
        )
