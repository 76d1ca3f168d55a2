"""What a network demands of its images."""

from __future__ import annotations

from ticket_hub.errors import NetworkError
from ticket_hub.types import Architecture

__all__ = ["require_side"]


def require_side(architecture: Architecture, least: int) -> None:
    """Refuse images that the pooling layers would shrink to nothing.

    Raises:
        NetworkError: a side of the image is shorter than `least` pixels.
    """
    if min(architecture.height, architecture.width) < least:
        raise NetworkError(
            f"{architecture.name!r} cannot take images of {architecture.height}x"
            f"{architecture.width} pixels.",
            f"It needs at least {least}x{least}: resize the images, or choose a network with "
            "fewer pooling layers, such as 'lenet-300-100'.",
        )
