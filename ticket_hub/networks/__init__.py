"""Networks by name: the papers' own, timm's, and the user's."""

from ticket_hub.networks import conv as _conv  # noqa: F401 - registers its names
from ticket_hub.networks import encoder as _encoder  # noqa: F401 - registers its names
from ticket_hub.networks import lenet as _lenet  # noqa: F401 - registers its names
from ticket_hub.networks import resnet as _resnet  # noqa: F401 - registers its names
from ticket_hub.networks import small_stem as _small_stem  # noqa: F401 - registers its names
from ticket_hub.networks import timm_bridge as _timm  # noqa: F401 - registers its names
from ticket_hub.networks import transformers_bridge as _transformers  # noqa: F401 - as above
from ticket_hub.networks import vgg as _vgg  # noqa: F401 - registers its names
from ticket_hub.networks.factory import register_factory
from ticket_hub.networks.initialization import (
    initialize,
    register_initialization,
    with_fresh_statistics,
)
from ticket_hub.networks.options import Choice, FloatRange, IntRange
from ticket_hub.networks.prunable import (
    Output,
    Shortcut,
    prunable_layers,
    set_kind,
    transposed_layers,
    unmarked_matrices,
)
from ticket_hub.networks.registry import (
    Outline,
    architecture_for,
    blank_module,
    build,
    is_registered,
    network_names,
    outline,
    register,
    register_network,
)

__all__ = [
    "Choice",
    "FloatRange",
    "IntRange",
    "Outline",
    "Output",
    "Shortcut",
    "architecture_for",
    "blank_module",
    "build",
    "initialize",
    "is_registered",
    "network_names",
    "outline",
    "prunable_layers",
    "register",
    "register_factory",
    "register_initialization",
    "register_network",
    "set_kind",
    "transposed_layers",
    "unmarked_matrices",
    "with_fresh_statistics",
]
