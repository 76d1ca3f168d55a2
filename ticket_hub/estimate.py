"""What training will roughly need: memory of a network without its weights, time of its steps.

Memory is an upper bound for one process. Time is rough: operations counted on the meta device, at
the speed that `ticket_hub.training.plan` assumes for one core, as if every network stayed dense.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ticket_hub.recipe import TrainingSpec
    from ticket_hub.types import Architecture

__all__ = ["Estimate", "Shape", "estimate_networks", "shape_of"]

PROCESS = 600 << 20
"""What Python and torch occupy before they train anything, measured on Linux with a CPU build."""

FLOAT = 4


@dataclass(frozen=True)
class Shape:
    """A data set in numbers: examples of all parts, and one example's shape."""

    examples: int
    channels: int
    height: int
    width: int
    classes: int

    @property
    def bytes(self) -> int:
        """All pixels as floats, and as the bytes that they are read from."""
        return self.examples * self.channels * self.height * self.width * (FLOAT + 1)


_SHAPES = {
    "cifar10": Shape(60_000, 3, 32, 32, 10),
    "cifar100": Shape(60_000, 3, 32, 32, 100),
    "digits": Shape(1797, 1, 8, 8, 10),
    "emnist-letters": Shape(145_600, 1, 28, 28, 26),
    "fashion-mnist": Shape(70_000, 1, 28, 28, 10),
    "imagenet": Shape(1_331_167, 3, 256, 256, 1000),
    "imagenet-64": Shape(1_331_167, 3, 64, 64, 1000),
    "mnist": Shape(70_000, 1, 28, 28, 10),
    "places365": Shape(1_839_960, 3, 256, 256, 365),
    "svhn": Shape(99_289, 3, 32, 32, 10),
    "tiny-imagenet": Shape(110_000, 3, 64, 64, 200),
    "usps": Shape(9298, 1, 16, 16, 10),
    "usps-test": Shape(2007, 1, 16, 16, 10),
}


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What training will roughly need.

    Attributes:
        memory_bytes: of one process, at most.
        alone_bytes: the same where its networks are trained one after the other.
        seconds: of one process; None where nobody can say.
        networks: how many are trained, one after the other or together.
        basis: how the time was found, in one sentence.
    """

    memory_bytes: int
    alone_bytes: int
    seconds: float | None
    networks: int
    basis: str

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def shape_of(dataset: str) -> Shape | None:
    """The numbers of a published data set; None where they are not known."""
    return _SHAPES.get(dataset)


def estimate_networks(
    architecture: Architecture,
    training: TrainingSpec,
    data: Shape | None,
    *,
    networks: int,
    at_once: int,
) -> Estimate:
    """What it takes to train so many networks, so many of them together.

    Args:
        data: what they are trained on; None where it is not known, and then not counted.

    Raises:
        NetworkError: there is no such network.
    """
    from ticket_hub.networks import blank_module
    from ticket_hub.training.cost import count
    from ticket_hub.training.plan import FLOPS, STEP_SECONDS

    cost = count(blank_module(architecture), architecture.input_shape)
    each = cost.member_bytes(training) + cost.step_bytes(training)
    rest = PROCESS + (data.bytes if data else 0)
    seconds = networks * training.iterations * max(STEP_SECONDS, cost.step_flops(training) / FLOPS)
    return Estimate(
        memory_bytes=rest + at_once * each,
        alone_bytes=rest + each,
        seconds=round(seconds, 1),
        networks=networks,
        basis=f"rough: {cost.step_flops(training):.3g} operations a step at {FLOPS:.0e} a second "
        "on one core, all networks dense",
    )
