"""What criteria ask of a network at given weights, beside the weights: gradients, and flows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from ticket_hub.data import DataSet, Part, normalized
from ticket_hub.errors import PruningError, ScoreError
from ticket_hub.networks import build
from ticket_hub.networks.passing import takes_tokens
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe import PruningSpec, TrainingSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Int64
from ticket_hub.training.settings import deliberate, on_device
from ticket_hub.types import Architecture, Mask, Weights

__all__ = ["EXAMPLES_PER_CLASS", "hessian_gradients", "loss_gradients", "measure", "synaptic_flow"]

EXAMPLES_PER_CLASS = 10
"""Of the first examples of each class, for criteria that ask for gradients."""
BATCH = 100
TEMPERATURE = 200.0
"""What GraSP divides the logits by (Wang et al. 2020, their code)."""
CLOSE = 1e-6


def measure(
    need: str,
    architecture: Architecture,
    data: Callable[[], DataSet],
    training: TrainingSpec,
    at: tuple[Weights, Mask],
    *,
    seed: int,
    spec: PruningSpec,
) -> dict[str, Tensor]:
    """One of the needs of criteria, at a trial's weights with 0 where the mask drops.

    By parameter, each of its shape `(*layer)`.

    Args:
        need: `gradients`, `hessian_gradients` or `flow`.
        at: the weights, and the mask.
        data: gives the data set; not called for `flow`.

    Raises:
        PruningError: the network has no flow: it is not homogeneous.
        ScoreError: the flow is no finite number.
    """
    weights = masked(*at)
    if need == "flow":
        return synaptic_flow(architecture, weights)
    found = {"gradients": loss_gradients, "hessian_gradients": hessian_gradients}[need]
    return found(architecture, data(), training, weights, seed, spec=spec)


def loss_gradients(
    architecture: Architecture,
    data: DataSet,
    training: TrainingSpec,
    weights: Weights,
    seed: int,
    *,
    spec: PruningSpec | None = None,
) -> dict[str, Tensor]:
    """dL/dw of the mean cross-entropy over some training examples, in float32 on the CPU.

    Ten examples of each class (all, where a class has fewer), drawn by the seed, not augmented.
    The module is in evaluation mode: norms use their running statistics, nothing is dropped.

    Args:
        weights: the whole state dict, such as that of the end of training.
        spec: how many examples of each class, and what becomes of them.

    Shapes:
        The result has the names and shapes of the network's parameters.
    """
    with deliberate(training), on_device(data.device):
        module = _module(architecture, weights, data)
        return _cpu(module, _gradients(module, _examples(data, seed, spec), 1.0))


def hessian_gradients(
    architecture: Architecture,
    data: DataSet,
    training: TrainingSpec,
    weights: Weights,
    seed: int,
    *,
    spec: PruningSpec | None = None,
) -> dict[str, Tensor]:
    """H g: the Hessian of the mean cross-entropy times its gradient, in float32 on the CPU.

    Logits are divided by 200 first, as GraSP does. Examples and mode are those of
    `loss_gradients`.

    Shapes:
        The result has the names and shapes of the network's parameters.
    """
    # Attention's own kernels have no second derivative; written out it has one.
    with deliberate(training), on_device(data.device), sdpa_kernel(SDPBackend.MATH):
        module = _module(architecture, weights, data)
        part = _examples(data, seed, spec)
        gradient = _gradients(module, part, TEMPERATURE)
        return _cpu(module, _gradients(module, part, TEMPERATURE, along=gradient))


def synaptic_flow(architecture: Architecture, weights: Weights) -> dict[str, Tensor]:
    """dR/d|w| of R, the sum of the outputs for an input of ones, in float64 (Tanaka et al. 2020).

    All values of the state dict are replaced by their sizes, and norms use their running
    statistics. The sum over |w| dR/d|w| of each layer of a chain is then R: it is conserved.

    Shapes:
        The result has the names and shapes of the network's parameters.

    Raises:
        PruningError: the network is not homogeneous: twice the input is not twice the output.
        ScoreError: R is no finite number.
    """
    with torch.device("cpu"):
        # R is a product over all layers, which overflows float32 in deep networks.
        module = build(architecture).double().eval()
        if takes_tokens(module):
            raise _no_flow(architecture, "it reads words")
        sizes = {
            name: value.double().abs() if value.is_floating_point() else value
            for name, value in weights.items()
        }
        ones = torch.ones(1, *architecture.input_shape, dtype=torch.float64)
        _refuse_bent(module, architecture, sizes, ones)
        module.load_state_dict(sizes)
        named = dict(module.named_parameters())
        with torch.enable_grad():
            flow = module(ones).sum()
            if not bool(flow.isfinite()):
                raise ScoreError(
                    f"The flow through {architecture.name!r} is {float(flow):g}, even in float64.",
                    "Lower network.init_scale.",
                )
            found = torch.autograd.grad(flow, list(named.values()), materialize_grads=True)
    return dict(zip(named, found, strict=True))


@torch.no_grad()
def _refuse_bent(
    module: nn.Module, architecture: Architecture, sizes: Weights, ones: Tensor
) -> None:
    """Refuse a network that is not homogeneous once nothing is added on the way."""
    added = ("bias", "running_mean")
    module.load_state_dict(
        {
            name: torch.zeros_like(value) if name.endswith(added) else value
            for name, value in sizes.items()
        }
    )
    once, twice = module(ones), module(2 * ones)
    if not torch.allclose(twice, 2 * once, rtol=CLOSE, atol=0):
        raise _no_flow(
            architecture,
            "twice the input does not give twice the output, as with LayerNorm, softmax, GELU, or "
            "ReLU6",
        )


def _no_flow(architecture: Architecture, reason: str) -> PruningError:
    return PruningError(
        f"The criterion 'synflow' has no meaning for {architecture.name!r}: {reason}.",
        "Choose `snip`, `grasp` or `magnitude`, or a network of ReLU, convolutions and batch norm.",
    )


def _module(architecture: Architecture, weights: Weights, data: DataSet) -> nn.Module:
    module = build(architecture).to(data.device).eval()
    module.load_state_dict(dict(weights))
    return module


def _gradients(
    module: nn.Module,
    part: tuple[Tensor, Tensor],
    temperature: float,
    along: list[Tensor] | None = None,
) -> list[Tensor]:
    """Of the mean loss; or of its slope along a direction, which is the Hessian times that."""
    named = dict(module.named_parameters())
    sums = [torch.zeros_like(value) for value in named.values()]
    images, labels = part
    for some, wanted in zip(images.split(BATCH), labels.split(BATCH), strict=True):
        logits = module(some) / temperature
        # A sum, since pieces differ in size; the mean is taken once, below.
        loss = functional.cross_entropy(logits, wanted, reduction="sum")
        parameters = list(named.values())
        found = torch.autograd.grad(
            loss, parameters, materialize_grads=True, create_graph=along is not None
        )
        if along is not None:
            slope = sum((one * other).sum() for one, other in zip(found, along, strict=True))
            assert isinstance(slope, Tensor)
            found = torch.autograd.grad(slope, parameters, materialize_grads=True)
        torch._foreach_add_(sums, found)
    return [total / len(labels) for total in sums]


def _cpu(module: nn.Module, values: list[Tensor]) -> dict[str, Tensor]:
    names = [name for name, _ in module.named_parameters()]
    return {name: value.detach().cpu() for name, value in zip(names, values, strict=True)}


def _examples(data: DataSet, seed: int, spec: PruningSpec | None) -> tuple[Tensor, Tensor]:
    """Normalized images and labels; both random where the recipe wants to see what they matter."""
    count = spec.examples_per_class if spec else EXAMPLES_PER_CLASS
    kind = spec.examples if spec else "real"
    part = data.train.take(_chosen(data.train, data.classes, seed, count).to(data.device))
    images, labels = part.inputs, part.labels
    generator = torch.Generator().manual_seed(derive_seed(seed, "scoring-examples", kind))
    if kind == "random-labels":
        drawn = torch.randint(0, data.classes, labels.shape, generator=generator)
        labels = drawn.to(labels.device)
    if kind == "random-pixels":
        # A permutation of its own for each example.
        order = torch.rand(images.flatten(1).shape, generator=generator).argsort(1)
        images = images.flatten(1).gather(1, order.to(images.device)).view_as(images)
    return normalized(images, data), labels


def _chosen(
    part: Part, classes: int, seed: int, count: int = EXAMPLES_PER_CLASS
) -> Int64[Tensor, " chosen"]:
    """Places of the examples, class by class."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "scoring-examples"))
    order = torch.randperm(len(part), generator=generator)
    # On the host: a seed chooses the same examples on every device.
    labels = part.labels.cpu()[order]
    return torch.cat([order[labels == label][:count] for label in range(classes)])
