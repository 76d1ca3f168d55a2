"""Networks by name: the papers' own, timm's, and the user's."""

from ticket_hub.networks import lenet as _lenet  # noqa: F401 - registers its names
from ticket_hub.networks.initialization import initialize
from ticket_hub.networks.prunable import prunable_layers
from ticket_hub.networks.registry import build, network_names, register

__all__ = ["build", "initialize", "network_names", "prunable_layers", "register"]
