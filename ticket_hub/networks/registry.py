"""Networks are looked up by name; a user's own function joins with one decorator."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import torch
from torch import nn

from ticket_hub import plugins
from ticket_hub.errors import NetworkError
from ticket_hub.networks.limits import MAX_NUMBERS, check_sizes
from ticket_hub.networks.options import OptionRule, check_options
from ticket_hub.networks.prunable import prunable_layers, unmarked_matrices
from ticket_hub.networks.seeding import construction_generators
from ticket_hub.networks.undrawn import Undrawn
from ticket_hub.recipe import NetworkSpec
from ticket_hub.recipe.axes import NETWORKS
from ticket_hub.recipe.own import is_own
from ticket_hub.types import Architecture, Option, PrunableLayer

__all__ = [
    "Network",
    "Outline",
    "architecture_for",
    "blank_module",
    "build",
    "home_module",
    "is_registered",
    "network_names",
    "outline",
    "register",
    "register_network",
]

Builder: TypeAlias = Callable[..., nn.Module]
Home: TypeAlias = Callable[[str], str | None]
B = TypeVar("B", bound=Builder)

OWN_FUNCTION = "python:"
"""Begins the names of `ticket_hub.networks.factory`."""

MAX_NAME = 200  # characters of a name that a refusal repeats


@dataclass(frozen=True, kw_only=True)
class Network:
    """What a family of names stands for.

    Attributes:
        build: makes a module of an Architecture and, as keywords, the options that were given.
        options: what each option may be.
        home: where the members of a family come from several modules: a name -> the module of that
            network, or None where it is not here.
    """

    build: Builder
    options: Mapping[str, OptionRule]
    home: Home | None = None


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A network's names and shapes, without its values.

    Attributes:
        layers: what may be pruned, each with its kind, in the order of the state dict.
        shapes: shape of every entry of the state dict.
        dtypes: dtype of every entry of the state dict.
        buffers: entries of the state dict that are no parameters, such as statistics of norms.
        unmarked: see `ticket_hub.networks.prunable.unmarked_matrices`.
    """

    layers: tuple[PrunableLayer, ...]
    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, torch.dtype]
    buffers: frozenset[str]
    unmarked: Mapping[str, int]

    @property
    def numbers(self) -> int:
        """Numbers in the whole state dict."""
        return sum(torch.Size(shape).numel() for shape in self.shapes.values())

    @property
    def prunable(self) -> int:
        """Weights that may be pruned: what a density is measured against."""
        return sum(layer.size for layer in self.layers)


def register_network(
    pattern: str,
    *,
    options: Mapping[str, OptionRule] | None = None,
    examples: Sequence[str] = (),
    home: Home | None = None,
) -> Callable[[B], B]:
    """Register a builder for all names that a regular expression matches in full.

    The builder takes the Architecture and, as keywords, the options that were given; each is
    checked against its rule first. It makes its tensors on torch's default device, so that it can
    also be built on `torch.device("meta")`. What is registered last is asked first.

    ```python
    @register_network("my-net", options={"width": IntRange(default=8, low=1, high=512)})
    def my_net(architecture: Architecture, *, width: int = 8) -> nn.Module:
        return MyNet(architecture.channels, width, architecture.classes)
    ```

    A bundle with a user's own network can be opened only where it is registered: a bundle never
    brings code along.

    Args:
        examples: names to show; without them, the pattern itself.
        home: of a family whose members come from several modules; see `Network`.
    """
    join = NETWORKS.register(pattern, examples=examples or (pattern,))

    def decorate(builder: B) -> B:
        """Register the builder; what was known of networks before may be another's now."""
        join(Network(build=builder, options=dict(options or {}), home=home))
        outline.cache_clear()
        return builder

    return decorate


register = register_network
"""The same by its former name."""


def network_names() -> list[str]:
    """Names that can be built, plugins' too, sorted; families are shown by examples."""
    return sorted(NETWORKS.names())


def architecture_for(
    spec: NetworkSpec, input_shape: tuple[int, int, int], classes: int
) -> Architecture:
    """The network of a recipe for images of one shape, in its one canonical form.

    Options that equal their default are left out, so that they cannot change a ticket's id.

    Args:
        input_shape: `(channels, height, width)` of one image.

    Raises:
        NetworkError: there is no such network or option, or it cannot take such images.
    """
    channels, height, width = input_shape
    rules = _network(spec.name).options
    options = check_options(spec.name, rules, spec.options)
    architecture = Architecture(
        name=spec.name,
        options=tuple((k, value) for k, value in options.items() if value != rules[k].default),
        channels=channels,
        height=height,
        width=width,
        classes=classes,
    )
    outline(architecture)
    return architecture


def is_registered(name: str) -> bool:
    """Whether a network of this name could be built here, given options and sizes that it takes."""
    return _here(name) is not None


def home_module(name: str) -> str:
    """The module that registered a network: who imports it can build the network too.

    Raises:
        NetworkError: there is no such network.
    """
    home = _network(name).home
    module = NETWORKS.module(name) if home is None else home(name)
    assert module is not None, "what is found has been registered by a module"
    return module


def build(architecture: Architecture, *, seed: int = 0) -> nn.Module:
    """The module of an architecture, on torch's current default device.

    Its values are the module's own initialization, a pure function of the seed; the global random
    state stays as it is. `ticket_hub.networks.initialize` gives the weights that a recipe asks
    for. Under `torch.device("meta")` nothing is allocated, whatever the sizes.

    Raises:
        NetworkError: no network has this name, it lacks an option, or a size cannot be.
    """
    network = _network(architecture.name)
    options = check_options(architecture.name, network.options, _unique(architecture))
    check_sizes(architecture)
    if torch.get_default_device().type != "meta":
        numbers = outline(architecture).numbers
        if numbers > MAX_NUMBERS:
            raise NetworkError(
                f"{architecture.name!r} with {architecture.classes} classes would have "
                f"{numbers:,} weights.",
                f"Choose a smaller network or fewer classes: the limit is {MAX_NUMBERS:,}.",
            )
    with construction_generators(seed):
        return network.build(dataclasses.replace(architecture), **options)


def blank_module(architecture: Architecture) -> nn.Module:
    """The module without memory for its weights: on the meta device.

    Raises:
        NetworkError: as `build`.
    """
    with torch.device("meta"), Undrawn():
        return build(architecture)


@functools.lru_cache(maxsize=256)
def outline(architecture: Architecture) -> Outline:
    """Names, shapes and kinds of an architecture, at no cost: it is built on the meta device.

    Raises:
        NetworkError: as `build`; or the network reads values while it is made.
    """
    try:
        module = blank_module(architecture)
    except RuntimeError as error:
        raise NetworkError(
            f"{architecture.name!r} cannot be built on torch's meta device: {error}",
            "Let its constructor make tensors on the default device, and not read their values.",
        ) from error
    state = module.state_dict()
    return Outline(
        layers=prunable_layers(module),
        shapes={name: tuple(value.shape) for name, value in state.items()},
        dtypes={name: value.dtype for name, value in state.items()},
        buffers=frozenset(state) - {name for name, _ in module.named_parameters()},
        unmarked=unmarked_matrices(module),
    )


def _network(name: str) -> Network:
    network = _here(name)
    if network is None:
        raise _unknown(name)
    return network


def _here(name: str) -> Network | None:
    network: Network | None = NETWORKS.find(name)
    if network is None or network.home is None or network.home(name) is not None:
        return network
    is_here = plugins.load() and network.home(name) is not None
    return network if is_here else None


def _unknown(name: str) -> NetworkError:
    short = name[:MAX_NAME]
    if is_own(name):
        return NetworkError(
            f"The network {short!r} is built by its author's own function, which no registry has.",
            "Get that function from the author and give it: `ticket.build(make_network)`, "
            "`own.Comparison(ticket, make_network=...)`.",
        )
    if name.startswith(OWN_FUNCTION):
        module, _, function = short.removeprefix(OWN_FUNCTION).rpartition(".")
        return NetworkError(
            f"The network {short!r} is built by {function!r} of {module!r}, which is not imported "
            "here, or is neither a subclass of `torch.nn.Module` nor annotated to return one.",
            f"Import its file with `--import {module}.py` or TICKET_IMPORT, or give the function "
            f"itself: `ticket_hub.networks.register_factory(make, {short!r})`.",
        )
    return NetworkError(
        f"There is no network {short!r} here.",
        f"The nearest name is {_nearest(short)!r}; there are {', '.join(network_names())}. "
        "Somebody's own network must be registered with `ticket_hub.networks.register_network` "
        "before it can be used, also to open a bundle with it: import the file or module that "
        "does so with --import FILE_OR_MODULE, or TICKET_IMPORT.",
    )


def _nearest(name: str) -> str:
    """A name of the same beginning, since families differ in their numbers."""

    def likeness(known: str) -> tuple[int, float]:
        """How many letters begin alike, then how alike the names are as a whole."""
        same = difflib.SequenceMatcher(None, name, known).ratio()
        pairs = zip(name, known, strict=False)
        return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))), same

    return max(network_names(), key=likeness)


def _unique(architecture: Architecture) -> dict[str, Option]:
    options = dict(architecture.options)
    if len(options) != len(architecture.options):
        raise NetworkError(
            f"An option of {architecture.name!r} is given twice.", "Give each option once."
        )
    return options
