"""SGD, Adam and AdamW over lists of tensors, by PyTorch's fused kernels.

The kernels are those that `torch.optim` calls with `fused=True`; the learning rate and the number
of steps are tensors on the device, so that a captured CUDA graph reads their present values.
A weight whose gradient is always 0, and that starts at 0, stays exactly 0: its momentum stays 0,
and weight decay takes a share of 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ticket_hub.recipe import TrainingSpec

__all__ = ["Optimizer", "slot_names"]


def slot_names(spec: TrainingSpec) -> tuple[str, ...]:
    """What the optimizer keeps of each parameter, as `MemberState` names it."""
    if spec.optimizer == "sgd":
        return ("momentum",) if spec.momentum else ()
    return ("exp_avg", "exp_avg_sq")


class Optimizer:
    """One optimizer over a list of tensors that all have done the same number of steps.

    Attributes:
        slots: state name -> one tensor for each weight tensor, in its shape and memory format;
            made here unless they are given.
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
            name: [torch.zeros_like(weight) for weight in self.weights] for name in slot_names(spec)
        }
        self._done = torch.zeros((), device=self.weights[0].device)
        self._counts = [self._done] * len(self.weights)

    def begin(self, steps: int) -> None:
        """Set the number of steps done, which Adam's bias correction depends on."""
        self._done.fill_(steps)

    def step(self, gradients: list[Tensor], lr: Tensor) -> None:
        """Change the weights in place.

        Shapes:
            `gradients`: those of the weights; `lr`: `()`, float64 on a CPU and float32 on CUDA.
        """
        if self.spec.optimizer == "sgd":
            self._sgd(gradients, lr)
        else:
            self._adam(gradients, lr)

    def _sgd(self, gradients: list[Tensor], lr: Tensor) -> None:
        torch._fused_sgd_(
            self.weights,
            gradients,
            self.slots.get("momentum", []),
            weight_decay=self.spec.weight_decay,
            momentum=self.spec.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=self.spec.nesterov,
            maximize=False,
            is_first_step=False,
        )

    def _adam(self, gradients: list[Tensor], lr: Tensor) -> None:
        self._done.add_(1)
        kernel = torch._fused_adam_ if self.spec.optimizer == "adam" else torch._fused_adamw_
        kernel(
            self.weights,
            gradients,
            self.slots["exp_avg"],
            self.slots["exp_avg_sq"],
            [],
            self._counts,
            lr=lr,
            beta1=self.spec.beta1,
            beta2=self.spec.beta2,
            weight_decay=self.spec.weight_decay,
            eps=self.spec.eps,
            amsgrad=False,
            maximize=False,
        )
