"""What becomes of images of another size than the ones that a ticket's network was made for.

- `resize`: the images are scaled to the network's size; it works for every network.
- `keep`: the images keep their size, and the network takes them as they are; only for networks
  whose weights do not depend on the size, such as those that end with the mean over all pixels.

Channels are adapted either way: grey becomes colour by repetition, colour becomes grey by its luma.
"""

from __future__ import annotations

import dataclasses

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.data import DataSet, adapted
from ticket_hub.errors import NetworkError
from ticket_hub.networks import blank_module, outline
from ticket_hub.networks.passing import pass_through
from ticket_hub.transfer.spec import ImagePolicy
from ticket_hub.types import Architecture

__all__ = ["fit_images", "fit_size", "refuse_other_size"]


def fit_images(data: DataSet, architecture: Architecture, policy: ImagePolicy) -> DataSet:
    """The data as the network takes them.

    Raises:
        DataError: no rule leads from their channels to the network's.
        NetworkError: `keep`, and the weights of the network depend on the size of the images.
    """
    height, width = architecture.height, architecture.width
    if policy == "keep":
        _, height, width = data.input_shape
        refuse_other_size(architecture, height, width)
    return adapted(data, channels=architecture.channels, height=height, width=width)


def fit_size(ticket: TicketContent, data: DataSet) -> TicketContent:
    """The ticket in a network for images of the data's size; it has the same weights."""
    _, height, width = data.input_shape
    target = dataclasses.replace(ticket.architecture, height=height, width=width)
    return (
        ticket
        if target == ticket.architecture
        else dataclasses.replace(ticket, architecture=target)
    )


def refuse_other_size(architecture: Architecture, height: int, width: int) -> None:
    """Refuse a size at which the network would have other weights, or cannot compute.

    Both are found out on the meta device, at no cost.

    Raises:
        NetworkError: as said, with the first weight that differs.
    """
    if (height, width) == (architecture.height, architecture.width):
        return
    target = dataclasses.replace(architecture, height=height, width=width)
    here, there = outline(architecture).shapes, outline(target).shapes
    for name in here.keys() | there.keys():
        if here.get(name) != there.get(name):
            raise _other(
                architecture,
                target,
                f"its {name!r} would have the shape {_shown(there.get(name))} instead of "
                f"{_shown(here.get(name))}",
            )
    try:
        pass_through(blank_module(target).eval(), (2, *target.input_shape))
    except NotImplementedError:
        return  # it reads values on the way, so only training will show
    except (RuntimeError, AssertionError, ValueError) as error:
        raise _other(architecture, target, str(error).partition("\n")[0]) from error


def _other(architecture: Architecture, target: Architecture, reason: str) -> NetworkError:
    return NetworkError(
        f"{architecture.name!r} was made for images of {architecture.height}x{architecture.width} "
        f"and cannot take {target.height}x{target.width} with the same weights: {reason}.",
        "Let the images be scaled: `--images resize`, which is the default.",
    )


def _shown(shape: tuple[int, ...] | None) -> str:
    return "x".join(map(str, shape)) if shape else "none"
