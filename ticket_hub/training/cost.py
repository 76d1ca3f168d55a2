"""What training will cost, in memory and arithmetic, counted on a module without memory."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ticket_hub.networks.passing import pass_through
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.optimizers import slot_names

__all__ = ["Cost", "count"]

FLOAT = 4
KEPT_TWICE = 2
"""Autograd keeps a module's output and, for what follows it by a function, one more of its size."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one network costs.

    Attributes:
        numbers: parameters and buffers.
        activations: outputs of its layers for one example.
        largest: the outputs of the layer that has most of them.
        multiplications: of one forward pass of one example.
    """

    numbers: int
    activations: int
    largest: int
    multiplications: int

    def member_bytes(self, training: TrainingSpec) -> int:
        """Memory that one member holds while it lives: weights, gradient, mask, optimizer."""
        return self.numbers * FLOAT * (3 + len(slot_names(training)))

    def step_bytes(self, training: TrainingSpec) -> int:
        """Memory that one member's step needs besides."""
        return self.activations * training.batch_size * FLOAT * KEPT_TWICE

    def step_flops(self, training: TrainingSpec) -> int:
        """Operations of one member's step: forward, and twice as much backward."""
        return 6 * self.multiplications * training.batch_size


def count(module: nn.Module, input_shape: tuple[int, int, int]) -> Cost:
    """Count by one forward pass of one example; `module` lies on the meta device.

    A network whose forward pass needs real numbers is counted by its weights alone.
    """
    found = {"activations": 0, "largest": 0, "multiplications": 0}

    def note(part: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        del inputs
        if not isinstance(output, Tensor):
            return
        found["activations"] += output.numel()
        found["largest"] = max(found["largest"], output.numel())
        weight = getattr(part, "weight", None)
        if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) and weight is not None:
            outputs = output.numel() // weight.shape[0]
            found["multiplications"] += outputs * weight.numel()

    leaves = [part for part in module.modules() if next(part.children(), None) is None]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    training = module.training
    try:
        pass_through(module.eval(), (1, *input_shape))
    except (NotImplementedError, RuntimeError):
        found["activations"] = found["largest"] = 0
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    numbers = sum(value.numel() for value in module.state_dict().values())
    return Cost(numbers=numbers, **found)
