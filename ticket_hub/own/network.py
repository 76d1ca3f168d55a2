"""The author's own network: what a function builds, and whether it can be a ticket's."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ticket_hub.errors import NetworkError
from ticket_hub.networks import prunable_layers
from ticket_hub.own.seeding import kept_generators, seed_generators
from ticket_hub.pruning.keeping import load_masked
from ticket_hub.recipe.own import OWN
from ticket_hub.seeds import derive_seed
from ticket_hub.types import Architecture, Mask, PrunableLayer, Weights

__all__ = ["Make", "OwnNetwork", "file_digest", "state_of"]

Make = Callable[[], nn.Module]

_TENSOR = re.compile(r"[A-Za-z0-9_.]{1,200}")
_DTYPES = frozenset(
    {torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16}
    | {torch.int8, torch.uint8, torch.bool}
)
"""What a file of tensors in a bundle may hold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnNetwork:
    """A function without arguments that builds the network anew at each call.

    Attributes:
        make: the function.
        name: `own:MODULE.FUNCTION`.
        layers: what may be pruned.
        tensors: entry of the state dict -> its dtype and shape, as a text.
        file: that has the function; None where there is none.
    """

    make: Make
    name: str
    layers: tuple[PrunableLayer, ...]
    tensors: dict[str, str]
    file: Path | None

    @classmethod
    def of(cls, make: Make) -> OwnNetwork:
        """Call the function twice and look at what it builds; generators stay as they are.

        Raises:
            NetworkError: it is a module that was built already, fails, gives no module, the same
                one each time, or one that cannot be pruned or written down.
        """
        if isinstance(make, nn.Module):
            raise NetworkError(
                f"A {type(make).__name__} was given that is built already, and each trial needs "
                "fresh weights of its own.",
                "Give the function that builds it, such as the class itself or "
                f"`lambda: {type(make).__name__}(...)`.",
            )
        with kept_generators():
            module, other = _made(make), _made(make)
        if module is other:
            raise NetworkError(
                "The function gives the same module at every call.",
                "Let it build a new one each time, since each trial needs weights of its own.",
            )
        tensors, layers = _tensors(module), prunable_layers(module)
        if not layers:
            raise NetworkError(
                f"{type(module).__name__} has no prunable layer: no Conv and no Linear.",
                "Only weights of `torch.nn` convolutions and linear layers are pruned.",
            )
        if tensors != _tensors(other):
            raise NetworkError(
                "The function builds another network at each call.",
                "Let the shapes of its layers be the same each time.",
            )
        return cls(make=make, name=_name(make), layers=layers, tensors=tensors, file=_file_of(make))

    @property
    def architecture(self) -> Architecture:
        """Its place in a bundle; the sizes mean nothing, see `ticket_hub.recipe.own.OWN`."""
        return Architecture(name=self.name, channels=1, height=1, width=1, classes=1)

    def initial(self, seed: int) -> Weights:
        """The state dict of a network that the function builds from a seed, on the CPU."""
        with kept_generators():
            seed_generators(derive_seed(seed, "own", "network"))
            return state_of(_made(self.make))

    def build(self, weights: Weights, mask: Mask) -> nn.Module:
        """A new module with `weights * mask`, which keeps the mask while it is trained.

        Raises:
            MaskMismatchError: the weights are of another network.
        """
        with kept_generators():
            module = _made(self.make)
        load_masked(module, weights, mask)
        return module

    def check(self, tensors: dict[str, str]) -> None:
        """Refuse a function that builds another network than before.

        Args:
            tensors: of the network before.

        Raises:
            NetworkError: a name, dtype or shape differs.
        """
        for name in [*tensors, *self.tensors]:
            before, now = tensors.get(name, "nothing"), self.tensors.get(name, "nothing")
            if before != now:
                raise NetworkError(
                    f"The function builds another network than before: {name!r} was {before} and "
                    f"is {now}.",
                    "Give the function that the run was begun with, or name another folder.",
                )


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the state dict, on the CPU."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in module.state_dict().items()
    }


def file_digest(path: Path | None) -> str:
    """The sha256 of a file; empty without one."""
    if path is None or not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _made(make: Make) -> nn.Module:
    try:
        module = make()
    except Exception as error:  # an author's own function may raise anything
        raise NetworkError(
            f"The function that builds the network failed: {type(error).__name__}: {error}",
            "It is called without arguments: `lambda: Net(width=8)` gives those that it needs.",
        ) from error
    if not isinstance(module, nn.Module):
        raise NetworkError(
            f"The function gives a {type(module).__name__}.", "Let it give a `torch.nn.Module`."
        )
    return module


def _tensors(module: nn.Module) -> dict[str, str]:
    found = {}
    lazy = [name for name, value in module.named_parameters() if is_lazy(value)]
    for name, value in ({} if lazy else module.state_dict()).items():
        possible = isinstance(value, torch.Tensor) and value.layout == torch.strided
        if not possible or not _TENSOR.fullmatch(name) or value.dtype not in _DTYPES:
            about = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
            raise NetworkError(
                f"The entry {name[:80]!r} of the state dict ({about}) cannot be in a bundle.",
                "Build the network in float32, with plain tensors under names of letters, digits, "
                "dots and underscores; train in bfloat16 with autocast.",
            )
        found[name] = f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if lazy:
        raise NetworkError(
            f"The parameter {lazy[0]!r} has no shape yet.",
            "Let the function run one forward pass before it gives the module.",
        )
    return found


def _plain(make: Make) -> object:
    """What a partial call is of."""
    while hasattr(make, "func"):
        make = make.func
    return make


def _name(make: Make) -> str:
    function = _plain(make)
    module = str(getattr(function, "__module__", "") or "unnamed")
    if module == "__main__":
        script = getattr(sys.modules["__main__"], "__file__", None)
        module = Path(script).stem if script else "main"
    name = str(getattr(function, "__qualname__", type(function).__qualname__))
    return OWN + re.sub(r"[^A-Za-z0-9_.]+", "-", f"{module}.{name}").strip("-.")[-150:]


def _file_of(make: Make) -> Path | None:
    try:
        found = inspect.getsourcefile(_plain(make))  # type: ignore[arg-type]
    except TypeError:
        return None
    return Path(found) if found else None
