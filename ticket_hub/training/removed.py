"""What masked training does to removed units, although nothing reads them.

Their gradients are 0. So the optimizer lets their biases and norms decay, and the statistics of
their norms go towards the constants that come out of layers without inputs. Both are kept here, so
that the whole form of a smaller network has the values that masked training would have given it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from ticket_hub.networks.passing import blank_inputs
from ticket_hub.recipe import TrainingSpec
from ticket_hub.shapes import Bool
from ticket_hub.structured.small import Left
from ticket_hub.training.optimizers import make_optimizer
from ticket_hub.types import Mask

__all__ = ["Removed"]

DECAYING = {"sgd", "adam", "adamw"}
"""Optimizers known to leave a weight without a gradient alone where nothing decays."""


@dataclass
class _Statistics:
    """Of the removed channels of one norm: what enters it is `mean`, with the variance `spread`."""

    name: str
    norm: _NormBase
    positions: int
    mean: Tensor
    spread: Tensor


class Removed:
    """The numbers of removed units that no mask drops.

    Args:
        whole: the masked network; it is used up.
        small: what is left of it, which counts the batches.
        left: which places that is.
        input_shape: `(channels, height, width)`.

    Attributes:
        values: tensor of the state dict -> what was removed of it, in order: `(numbers,)`.
        slots: what the optimizer keeps of them, by its name.
    """

    def __init__(
        self,
        whole: nn.Module,
        small: nn.Module,
        *,
        left: Left,
        mask: Mask,
        training: TrainingSpec,
        input_shape: tuple[int, int, int],
    ) -> None:
        state = whole.state_dict()
        self._outside = {
            name: _outside(state[name], name, left) for name in left.kept if name not in mask
        }
        self.values = {name: state[name][out].clone() for name, out in self._outside.items()}
        self._names = [name for name, _ in whole.named_parameters() if name in self.values]
        self._zeros = [torch.zeros_like(self.values[name]) for name in self._names]
        self._optimizer = None
        self.slots: dict[str, dict[str, Tensor]] = {}
        if self._names:
            weights = [self.values[name] for name in self._names]
            self._optimizer = make_optimizer(training, weights)
            self.slots = {
                kind: dict(zip(self._names, slots, strict=True))
                for kind, slots in self._optimizer.slots.items()
            }
        self._statistics = self._find_statistics(whole.train(), small, input_shape)
        self._batch = training.batch_size
        self._probe: tuple[nn.Module, Tensor] | None = None
        # A pass through the whole network at each step costs what was to be saved: only where the
        # removed numbers change, and only where a norm sees it.
        may_change = bool(training.weight_decay) or training.optimizer not in DECAYING
        if self._statistics and may_change:
            self._probe = whole, _inputs(whole, input_shape, self._statistics[0].mean.device)
            if not self._depends():
                self._probe = None

    def step(self, lr: Tensor) -> None:
        """Do what a step of masked training does; the smaller network has done its own."""
        for each in self._statistics:
            self._observe(each)
        if self._optimizer is not None:
            self._optimizer.step(self._zeros, lr)
        if self._probe is not None:
            self._measure()

    def begin(self, steps: int) -> None:
        """Set the number of steps done, once values and slots are those of a checkpoint."""
        if self._optimizer is not None:
            self._optimizer.begin(steps)
        if self._probe is not None:
            self._measure()

    def take(self, name: str, whole: Tensor) -> Tensor:
        """What was removed of a whole tensor."""
        return whole[self._outside[name].to(whole.device)]

    def fill(self, name: str, whole: Tensor, values: Mapping[str, Tensor]) -> None:
        """Write what was removed into a whole tensor."""
        if name in values:
            whole[self._outside[name].to(whole.device)] = values[name].to(whole.device)

    def _find_statistics(
        self, whole: nn.Module, small: nn.Module, input_shape: tuple[int, int, int]
    ) -> list[_Statistics]:
        norms = dict(_norms(small))
        found = [
            _Statistics(name, norm, 0, torch.zeros(0), torch.zeros(0))
            for name, norm in norms.items()
            if f"{name}.running_mean" in self.values
        ]
        if found:
            device = self.values[f"{found[0].name}.running_mean"].device
            self._fill_in(found, whole, _inputs(whole, input_shape, device))
        return found

    def _measure(self) -> None:
        """See anew what enters the norms."""
        assert self._probe is not None
        whole, inputs = self._probe
        state = dict(whole.named_parameters())
        with torch.no_grad():
            for name in self._names:
                state[name][self._outside[name]] = self.values[name]
        self._fill_in(self._statistics, whole, inputs)

    @torch.no_grad()
    def _fill_in(self, found: list[_Statistics], whole: nn.Module, inputs: Tensor) -> None:
        modules = dict(whole.named_modules())
        hooks = []
        for each in found:
            gone = self._outside[f"{each.name}.running_mean"]

            def note(
                part: nn.Module,
                given: tuple[Tensor, ...],
                each: _Statistics = each,
                gone: Tensor = gone,
            ) -> None:
                """Read mean and variance of the removed channels of what enters the norm."""
                del part
                channels = given[0].transpose(0, 1).flatten(1)[gone]
                each.positions = channels.shape[1] // len(given[0])
                each.mean = channels.mean(1)
                each.spread = channels.var(1, correction=0)

            hooks.append(modules[each.name].register_forward_pre_hook(note))
        try:
            whole(inputs)
        finally:
            for hook in hooks:
                hook.remove()

    def _depends(self) -> bool:
        """Whether what enters the norms depends on the biases and norms of removed units."""
        before = [each.mean for each in self._statistics]
        values = {name: self.values[name].clone() for name in self._names}
        for name in self._names:
            self.values[name].add_(1)
        self._measure()
        after = [each.mean for each in self._statistics]
        for name, value in values.items():
            self.values[name].copy_(value)
        self._measure()
        return not all(map(torch.equal, before, after))

    @torch.no_grad()
    def _observe(self, each: _Statistics) -> None:
        norm = each.norm
        count = self._batch * each.positions
        share: float | Tensor
        if norm.momentum is None:
            assert norm.num_batches_tracked is not None
            # `momentum=None` is BatchNorm's plain average over all batches so far.
            share = 1 / norm.num_batches_tracked.to(each.mean.dtype)
        else:
            share = norm.momentum
        mean = self.values[f"{each.name}.running_mean"]
        variance = self.values[f"{each.name}.running_var"]
        mean.mul_(1 - share).add_(each.mean * share)
        # BatchNorm keeps the unbiased variance: n / (n - 1) times that of the batch.
        variance.mul_(1 - share).add_(each.spread * (share * count / max(count - 1, 1)))


def _outside(value: Tensor, name: str, left: Left) -> Bool[Tensor, "*shape"]:
    outside = torch.ones_like(value, dtype=torch.bool)
    outside[left.place(name, outside)] = False
    return outside


def _norms(module: nn.Module) -> Iterator[tuple[str, _NormBase]]:
    for name, part in module.named_modules():
        if isinstance(part, _NormBase) and part.running_mean is not None:
            yield name, part


def _inputs(module: nn.Module, shape: tuple[int, int, int], device: torch.device) -> Tensor:
    return blank_inputs(module, (2, *shape)).to(device)
