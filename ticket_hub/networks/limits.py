"""How large a network may be, and what it demands of its images."""

from __future__ import annotations

from ticket_hub.errors import NetworkError
from ticket_hub.types import Architecture

__all__ = ["MAX_NUMBERS", "check_sizes", "require_side"]

MAX_CHANNELS = 1 << 18  # or words of texts
MAX_PIXELS = 8192  # on each side
MAX_CLASSES = 2**31 - 1
MAX_NUMBERS = 2**33  # 32 GiB of float32: above every published classifier of images


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


def check_sizes(architecture: Architecture) -> None:
    """Refuse a size that no network has.

    Raises:
        NetworkError: it names the size.
    """
    limits = {
        "channels": MAX_CHANNELS,
        "height": MAX_PIXELS,
        "width": MAX_PIXELS,
        "classes": MAX_CLASSES,
    }
    for label, most in limits.items():
        value = getattr(architecture, label)
        if not 1 <= value <= most:
            raise NetworkError(
                f"A network cannot have {label} = {value}.", f"It must be from 1 to {most}."
            )
