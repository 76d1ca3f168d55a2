"""What training will cost, in memory and arithmetic, counted on a module without memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from ticket_hub.networks.passing import pass_through
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.optimizers import slot_names

__all__ = ["Cost", "count"]

FLOAT = 4
HALF = 2
FLOWING = 2
"""Gradients that are there at the same time in a backward pass: of a layer's output and input."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one network costs.

    Attributes:
        numbers: parameters and buffers.
        activations: outputs of its layers for one example.
        largest: the outputs of the layer that has most of them.
        kept: bytes that autograd keeps of one example for its backward pass, in float32.
        halves: whether `training.precision = "bf16"` keeps them in two bytes a number: not where
            layers compute in float32 all the same, as layer norms and softmax do.
        multiplications: of one forward pass of one example.
    """

    numbers: int
    activations: int
    largest: int
    kept: int
    halves: bool
    multiplications: int

    def member_bytes(self, training: TrainingSpec) -> int:
        """Memory that one member holds while it lives: weights, gradient, mask, optimizer."""
        return self.numbers * FLOAT * (3 + len(slot_names(training)))

    def step_bytes(self, training: TrainingSpec) -> int:
        """Memory that one member's step needs besides: what is kept, and what flows back."""
        each = self.kept + FLOWING * self.largest * FLOAT
        if training.precision != "bf16":
            return each * training.batch_size
        if self.halves:
            each //= FLOAT // HALF
        return each * training.batch_size + self.numbers * HALF

    def step_flops(self, training: TrainingSpec) -> int:
        """Operations of one member's step: forward, and twice as much backward."""
        return 6 * self.multiplications * training.batch_size


def count(module: nn.Module, input_shape: tuple[int, int, int]) -> Cost:
    """Count by one forward pass of one example; `module` lies on the meta device.

    A network whose forward pass needs real numbers is counted by its weights alone.
    """
    found = {"activations": 0, "largest": 0, "multiplications": 0}

    def note(part: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        """Count a layer's outputs and multiplications."""
        del inputs
        if not isinstance(output, Tensor):
            return
        found["activations"] += output.numel()
        found["largest"] = max(found["largest"], output.numel())
        weight = getattr(part, "weight", None)
        if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) and weight is not None:
            outputs = output.numel() // weight.shape[0]
            found["multiplications"] += outputs * weight.numel()

    # By storage: a view keeps all of it, and what two layers keep is there once.
    state = module.state_dict().values()
    weights = {StorageWeakRef(value.untyped_storage()) for value in state}
    kept: dict[StorageWeakRef, int] = {}

    def keep(value: Tensor) -> Tensor:
        """Note the storage of a tensor that autograd keeps, unless it is a weight's."""
        reference = StorageWeakRef(value.untyped_storage())
        if reference not in weights:
            kept[reference] = value.untyped_storage().nbytes()
        return value

    # A container's output is its last child's, which would be counted twice.
    leaves = [part for part in module.modules() if next(part.children(), None) is None]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    training = module.training
    given: object = None  # what is kept lives as long as this
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            given = pass_through(module.eval(), (1, *input_shape), gradients=True)
    except (NotImplementedError, RuntimeError):
        found["activations"] = found["largest"] = 0
        kept.clear()
    finally:
        del given
        module.train(training)
        for hook in hooks:
            hook.remove()
    return Cost(
        numbers=sum(value.numel() for value in state),
        kept=sum(kept.values()),
        halves=not any(isinstance(part, nn.LayerNorm | nn.GroupNorm) for part in leaves),
        **found,
    )
