"""Optimizers over lists of tensors: one class and one decorator each.

SGD, Adam and AdamW call the kernels that `torch.optim` calls with `fused=True`; the learning rate
and the number of steps are tensors on the device, so that a captured CUDA graph reads their
present values. A weight whose gradient is always 0, and that starts at 0, stays exactly 0: its
momentum stays 0, and weight decay takes a share of 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from ticket_hub.recipe import TrainingSpec
from ticket_hub.recipe.axes import OPTIMIZERS

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "make_optimizer",
    "register_optimizer",
    "slot_names",
]

K = TypeVar("K", bound="type[Optimizer]")


class Optimizer(ABC):
    """One optimizer over a list of tensors that all have done the same number of steps.

    Members are trained side by side, in shared tensors or over their survivors alone. So what a
    step does to a weight may depend on that weight, its gradient, its slots and the number of
    steps, and on nothing else; and a weight that is 0 with a gradient of 0 must stay 0.

    Attributes:
        spec: what the recipe says of the training.
        weights: what is trained.
        slots: state name -> one tensor for each weight tensor, in its shape and memory format;
            made here unless they are given.
        done: float32 `()` on the device: steps done, as `begin` has set it. A step that needs
            their number counts itself.
    """

    def __init__(
        self,
        spec: TrainingSpec,
        weights: Sequence[Tensor],
        slots: Mapping[str, list[Tensor]] | None = None,
    ) -> None:
        self.spec = spec
        self.weights = list(weights)
        self.slots = slots or {
            name: [torch.zeros_like(weight) for weight in self.weights]
            for name in self.slot_names(spec)
        }
        self.done = torch.zeros((), device=self.weights[0].device)

    @staticmethod
    def slot_names(spec: TrainingSpec) -> tuple[str, ...]:
        """What it keeps of each parameter from step to step, as checkpoints name it."""
        del spec
        return ()

    def begin(self, steps: int) -> None:
        """Set the number of steps done."""
        self.done.fill_(steps)

    @abstractmethod
    def step(self, gradients: list[Tensor], lr: Tensor) -> None:
        """Change the weights in place.

        Shapes:
            `gradients`: those of the weights; `lr`: `()`, float64 on a CPU and float32 on CUDA.
        """


def register_optimizer(name: str, *, takes: Sequence[str] = ()) -> Callable[[K], K]:
    """Register a class of optimizers.

    ```python
    @register_optimizer("sign-sgd")
    class SignSGD(Optimizer):
        def step(self, gradients, lr):
            for weight, gradient in zip(self.weights, gradients):
                weight.sub_(gradient.sign().mul_(lr))
    ```

    Args:
        takes: keys of the recipe's training that it reads, beside `lr` and `weight_decay`.

    Raises:
        PluginError: what is decorated is no subclass of `Optimizer`.
    """
    remedy = "Derive a class from it that has a method `step`."
    return OPTIMIZERS.register_class(name, Optimizer, remedy, takes=takes)


@register_optimizer("sgd", takes=("momentum", "nesterov"))
class SGD(Optimizer):
    """Stochastic gradient descent with momentum, weight decay as L2."""

    @staticmethod
    def slot_names(spec: TrainingSpec) -> tuple[str, ...]:
        """`momentum`, where there is any."""
        return ("momentum",) if spec.momentum else ()

    def step(self, gradients: list[Tensor], lr: Tensor) -> None:
        """Change the weights in place: a gradient each, of its shape; `lr` is a number, `()`."""
        torch._fused_sgd_(
            self.weights,
            gradients,
            # The kernel takes an empty list for no momentum.
            self.slots.get("momentum", []),
            weight_decay=self.spec.weight_decay,
            momentum=self.spec.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=self.spec.nesterov,
            maximize=False,
            # At the first step too: momentum starts at 0, so the sum is the gradient, as torch has
            # it; and a captured step stays what it was when it was captured.
            is_first_step=False,
        )


@register_optimizer("adam", takes=("beta1", "beta2", "eps"))
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015), weight decay as L2."""

    kernel: ClassVar[Callable[..., Any]] = staticmethod(torch._fused_adam_)

    @staticmethod
    def slot_names(spec: TrainingSpec) -> tuple[str, ...]:
        """The two moving averages, of the gradient and of its square."""
        del spec
        return ("exp_avg", "exp_avg_sq")

    def step(self, gradients: list[Tensor], lr: Tensor) -> None:
        """Change the weights in place: a gradient each, of its shape; `lr` is a number, `()`."""
        # On the device, where a replayed graph goes on counting.
        self.done.add_(1)
        self.kernel(
            self.weights,
            gradients,
            self.slots["exp_avg"],
            self.slots["exp_avg_sq"],
            [],
            [self.done] * len(self.weights),
            lr=lr,
            beta1=self.spec.beta1,
            beta2=self.spec.beta2,
            weight_decay=self.spec.weight_decay,
            eps=self.spec.eps,
            amsgrad=False,
            maximize=False,
        )


@register_optimizer("adamw", takes=("beta1", "beta2", "eps"))
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    kernel = staticmethod(torch._fused_adamw_)


def slot_names(spec: TrainingSpec) -> tuple[str, ...]:
    """What the recipe's optimizer keeps of each parameter, as `MemberState` names it.

    Raises:
        RecipeError: nobody has registered it.
    """
    names: tuple[str, ...] = OPTIMIZERS.get(spec.optimizer).slot_names(spec)
    return names


def make_optimizer(
    spec: TrainingSpec,
    weights: Sequence[Tensor],
    slots: Mapping[str, list[Tensor]] | None = None,
) -> Optimizer:
    """The recipe's optimizer over some weights.

    Raises:
        RecipeError: nobody has registered it.
    """
    made: Optimizer = OPTIMIZERS.get(spec.optimizer)(spec, weights, slots)
    return made
