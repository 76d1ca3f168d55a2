"""`python:MODULE.NAME`: a class or function of the user's own that builds the network.

It is given in Python (`register_factory`, `ticket_hub.find(network=...)`), or named where its file
is imported by `--import` or `TICKET_IMPORT`. A name alone, which may come from a stranger's bundle,
calls nothing but subclasses of `torch.nn.Module` and functions that are annotated to return a
module, of a file or module that the user has imported as a plugin.
"""

from __future__ import annotations

import inspect
import re
import sys
import typing

import torch
from torch import Tensor, nn

from ticket_hub import plugins
from ticket_hub.errors import NetworkError
from ticket_hub.networks.options import Choice
from ticket_hub.networks.own_function import Make, checked_module, dotted_name, made, tensors_of
from ticket_hub.networks.passing import blank_inputs, pass_through
from ticket_hub.networks.registry import OWN_FUNCTION, outline, register_network
from ticket_hub.networks.seeding import kept_generators, seed_generators
from ticket_hub.registry import needs
from ticket_hub.types import Architecture

__all__ = ["INPUTS", "PREFIX", "register_factory", "trust"]

PREFIX = OWN_FUNCTION
INPUTS = ("images", "columns", "sequence", "tokens")
"""What the module is given: `(batch, channels, height, width)`, `(batch, columns)`, `(batch,
channels, length)` or int64 `(batch, length)`."""

_given: dict[str, Make] = {}
_trusted: set[str] = set()


def register_factory(make: Make, name: str = "") -> str:
    """Register a class or function of one's own that builds a network, and return its name.

    It is called without arguments, or with the `Architecture` if it has a parameter of that name,
    once for each network; `random`, numpy's global generator and torch's are seeded before.

    Args:
        name: by default `python:MODULE.NAME`; who opens another's bundle gives the bundle's.

    Raises:
        NetworkError: it is a module that was built already, fails, gives no module or the same one
            each time, or one that cannot be pruned or written down.
    """
    name = name or f"{PREFIX}{dotted_name(make)}"
    if not re.fullmatch(rf"{PREFIX}[\w.-]+", name):
        raise NetworkError(f"A network of one's own cannot be called {name!r}.", "Leave it out.")
    if "architecture" not in needs(make):
        checked_module(make)
    _given[name] = make
    if home := _home(name):
        plugins.note(home)
    outline.cache_clear()
    return name


def trust(module: str) -> None:
    """Let any function of a module be named: who names it has built the network before."""
    _trusted.add(module)


def _home(name: str) -> str | None:
    """The module that has a network's class or function; empty where no process could import it."""
    if name in _given:
        make = _given[name]
        module, attribute = (str(getattr(make, key, "")) for key in ("__module__", "__qualname__"))
        return module if getattr(sys.modules.get(module), attribute, None) is make else ""
    module, _, _ = name.removeprefix(PREFIX).rpartition(".")
    return module if _named(name) is not None else None


def _named(name: str) -> Make | None:
    """What a name alone may call; see the head of this file."""
    module, _, attribute = name.removeprefix(PREFIX).rpartition(".")
    found = getattr(sys.modules.get(module), attribute, None)
    if not (plugins.is_plugin(module) or module in _trusted) or not callable(found):
        return None
    if getattr(found, "__module__", None) != module:
        return None
    return found if module in _trusted or _builds_a_module(found) else None


def _builds_a_module(make: Make) -> bool:
    if isinstance(make, type):
        return issubclass(make, nn.Module)
    try:
        result = typing.get_type_hints(make).get("return") if inspect.isfunction(make) else None
    except Exception:  # noqa: BLE001 - an annotation may be any expression
        return False
    return isinstance(result, type) and issubclass(result, nn.Module)


@register_network(
    r"python:[\w.-]+",
    options={"inputs": Choice(default=None, choices=INPUTS)},
    examples=("python:MODULE.NAME",),
    home=_home,
)
def _build(architecture: Architecture, *, inputs: str = "") -> nn.Module:
    name = architecture.name
    make = _given.get(name) or _named(name)
    assert make is not None, "the registry asks for the home of a name first"
    arguments = (architecture,) if "architecture" in needs(make) else ()
    blank = torch.get_default_device().type == "meta"
    with kept_generators():
        seed_generators(torch.default_generator.initial_seed())
        try:
            module = made(make, *arguments)
        except NetworkError:
            if not blank:
                raise
            with torch.device("cpu"):  # a constructor may read values, which meta has not
                module = made(make, *arguments)
        if blank:
            module = module.to("meta")
    tensors_of(module)
    presented = _InputShaper(architecture, inputs)
    presented.hook(module)
    if blank:
        _check_forward(architecture, module, presented.shape)
    return module


class _InputShaper:
    """Gives a module its inputs in the shape that its author has them in."""

    def __init__(self, architecture: Architecture, inputs: str) -> None:
        channels, height, width = architecture.input_shape
        usual = "columns" if height == width == 1 else "images"
        self.inputs = inputs or usual
        self.shape = {
            "images": (channels, height, width),
            "columns": (channels,),
            "sequence": (channels, width),
            "tokens": (width,),
        }[self.inputs]

    def hook(self, module: nn.Module) -> None:
        """Have the module take its inputs as they were shown to its author."""
        if self.inputs == "tokens":
            module.inputs = "tokens"  # type: ignore[assignment]
        if self.inputs != "images":
            module.register_forward_pre_hook(self)

    def __call__(self, module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        del module
        first, *others = given
        axes = {"columns": (2, 3), "sequence": (2,), "tokens": (1, 2)}[self.inputs]
        return (first.squeeze(axes) if first.ndim == 4 else first, *others)  # noqa: PLR2004


def _given_for_two(module: nn.Module, architecture: Architecture) -> object:
    inputs = (2, *architecture.input_shape)
    try:
        return pass_through(module, inputs)
    except Exception:  # noqa: BLE001 - it may be the zeros that it does not take
        with torch.no_grad(), torch.device("meta"):
            return module(blank_inputs(module, inputs))


def _check_forward(architecture: Architecture, module: nn.Module, shape: tuple[int, ...]) -> None:
    """Let two examples without values through, so that a wrong size is found before training."""
    name, training = architecture.name, module.training
    try:
        logits = _given_for_two(module.eval(), architecture)
    except NotImplementedError:
        return  # it reads values on the way, so only training will show
    except Exception as error:  # an author's own module may raise anything
        raise NetworkError(
            f"{name!r} cannot take examples of shape {shape}: "
            f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}",
            "Let its first layer take the data's shape, which a function with a parameter "
            "`architecture` is told as `architecture.input_shape`, or prepare the data for it.",
        ) from error
    finally:
        module.train(training)
    if isinstance(logits, Tensor) and tuple(logits.shape) == (2, architecture.classes):
        return
    what = f"a {type(logits).__name__}"
    if isinstance(logits, Tensor):
        what = f"the shape {tuple(logits.shape)}"
    raise NetworkError(
        f"{name!r} gives {what} for 2 examples of {architecture.classes} classes.",
        f"Let it return one number for each class: (batch, {architecture.classes}). A function "
        "with a parameter `architecture` is told how many there are: `architecture.classes`.",
    )
