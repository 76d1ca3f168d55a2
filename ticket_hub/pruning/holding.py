"""One masked weight of a module: where it is by now, and what keeps its dropped entries at 0."""

from __future__ import annotations

import traceback
import weakref
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import stateless
from torch.utils.hooks import RemovableHandle

from ticket_hub.pruning.computed import (
    is_parametrized,
    mask_before_forward,
    mask_parametrized,
    parts_of,
    release_computed,
)
from ticket_hub.pruning.survivors import Survivors

__all__ = ["HeldWeight", "called_functionally"]

_PARAMETRIZED = ".parametrizations."


class HeldWeight:
    """Keeps what a mask drops of one weight at 0, wherever the weight is and however it is made.

    - A parameter is changed in place, and its gradient is 0 there. It is followed where a wrapper
      moves it to another name, and a new parameter under the old name is taken instead.
    - A weight that is computed (`torch.nn.utils.parametrizations`, or a hook that sets a plain
      attribute, as the older weight norm and flattened parameters do) is masked after it is.
    - A weight that is given for one call (`torch.func.functional_call`) is masked in that call
      and left as it is otherwise.

    Attributes:
        name: as the mask calls it.
        survivors: its mask.
        path: where the weight is in the module; another than the name where it was moved.
        parameter: what is held now; None where the weight is computed, or there is none.
        lost: why it cannot be held at present; empty where it is.
    """

    def __init__(self, name: str, survivors: Survivors, path: str = "") -> None:
        self.name, self.survivors, self.path = name, survivors, path or name
        self.lost = ""
        self.parameter: nn.Parameter | None = None
        self._owner: weakref.ref[nn.Module] | None = None
        self._gradient: RemovableHandle | None = None
        self._address = 0

    def find(self, module: nn.Module, *, follow: bool) -> None:
        """Take hold of the weight where it is now; where that cannot be, `lost` says why.

        Args:
            follow: whether a parameter that has another name now is still this weight; not where
                that name has a mask of its own.
        """
        owner, leaf = _owner_of(module, self.path)
        if self._is_still_there(owner, leaf):
            return
        moved = _path_of(module, self.parameter) if follow else ""
        # Where it went, where it was, what it was called at first: a wrapper may come and go.
        for path in dict.fromkeys((moved or self.path, self.path, self.name)):
            owner, leaf = _owner_of(module, path)
            self.lost = self._take(owner, leaf)
            if not self.lost:
                self.path = path
                return
        self._release()

    def _is_still_there(self, owner: nn.Module | None, leaf: str) -> bool:
        if owner is None or self.parameter is None or is_parametrized(owner, leaf):
            return False
        if _parameters_of(owner).get(leaf) is not self.parameter:
            return False
        self._grip(owner, self.parameter)
        return True

    def _take(self, owner: nn.Module | None, leaf: str) -> str:
        """Hold the weight of this layer; why not, or nothing."""
        if owner is None:
            return "the module has no such layer any more"
        if is_parametrized(owner, leaf):
            self._release()
            mask_parametrized(owner, leaf, self.name, self.survivors)
            return ""
        value = _parameters_of(owner).get(leaf)
        if value is None:
            value = getattr(owner, leaf, None)
        if not isinstance(value, Tensor):
            return f"its layer is a {type(owner).__name__} now, which has no such weight"
        # It has no shape before the first call; it is looked at again then.
        if is_lazy(value):
            return ""
        if value.shape != self.survivors.keep.shape:
            return (
                f"the weight is of shape {tuple(value.shape)} now, "
                f"but the mask of {tuple(self.survivors.keep.shape)}"
            )
        if isinstance(value, nn.Parameter):
            self._grip(owner, value)
        elif leaf in vars(owner):
            self._release()
            mask_before_forward(owner, leaf, self.survivors)
        return ""

    def _grip(self, owner: nn.Module, parameter: nn.Parameter) -> None:
        self.lost, self._owner = "", weakref.ref(owner)
        address = 0 if parameter.is_meta else _address(parameter)
        if self.parameter is not parameter:
            self._release()
            self.parameter, self._address = parameter, address
        if self._gradient is None:
            if _takes_gradients(parameter):
                self._gradient = _on_gradient(parameter, self.survivors)
        elif address != self._address:
            # PyTorch may swap the contents of two tensors, and with them what it calls as hooks
            parameter._backward_hooks = parameter._backward_hooks  # noqa: SLF001 - sets them anew
        self._address = address

    def refresh(self) -> None:
        """Take a parameter that stands in the place of the one that was held."""
        owner = self._owner() if self._owner is not None else None
        leaf = self.path.rpartition(".")[2]
        if owner is not None and is_parametrized(owner, leaf):
            self.lost = self._take(owner, leaf)
        elif owner is not None:
            value = _parameters_of(owner).get(leaf)
            fits = value is not None and value.shape == self.survivors.keep.shape
            if fits and isinstance(value, nn.Parameter) and value is not self.parameter:
                self._grip(owner, value)

    def lend(self, module: nn.Module) -> tuple[dict[str, Any], str, Tensor, Tensor] | None:
        """Put masked values in the place of those that were given for one call.

        Returns:
            What to put back: the layer's parameters, the name among them, what was given and what
            stands there now. None where nobody gave anything.
        """
        owner, leaf = _owner_of(module, self.path)
        given = None if owner is None else _parameters_of(owner).get(leaf)
        if owner is None or given is None or given is self.parameter:
            return None
        if given.shape != self.survivors.keep.shape:
            return None
        values = self.survivors.only(given)
        _parameters_of(owner)[leaf] = values  # as functional_call does
        return _parameters_of(owner), leaf, given, values

    def is_given(self, module: nn.Module) -> bool:
        """Whether something stands in the parameter's place that is no parameter."""
        value = self._parameter_in(module)
        return value is not None and not isinstance(value, nn.Parameter)

    def is_in_place(self, module: nn.Module) -> bool:
        """Whether the parameter that is held is the one that the layer has."""
        return self._parameter_in(module) is self.parameter

    def _parameter_in(self, module: nn.Module) -> Tensor | None:
        owner, leaf = _owner_of(module, self.path)
        return None if owner is None else _parameters_of(owner).get(leaf)

    def apply(self) -> None:
        """Set dropped entries of the parameter that is held to exactly 0."""
        if self.parameter is not None:
            self.survivors.clear(self.parameter)

    def remove(self, module: nn.Module | None) -> None:
        """Let go, and take away what was put into the layer."""
        self._release()
        owner, leaf = (None, "") if module is None else _owner_of(module, self.path)
        if owner is not None:
            release_computed(owner, leaf)

    def _release(self) -> None:
        if self._gradient is not None:
            self._gradient.remove()
        self.parameter = self._gradient = self._owner = None


def called_functionally() -> bool:
    """Whether `torch.func.functional_call` is at work: parameters are somebody else's."""
    # nothing else tells its parameters from new ones
    frames = traceback.walk_stack(None)
    return any(frame.f_code.co_filename == stateless.__file__ for frame, _ in frames)


def _takes_gradients(parameter: nn.Parameter) -> bool:
    numbers = parameter.is_floating_point() or parameter.is_complex()
    return numbers and not parameter.is_inference()


def _on_gradient(parameter: nn.Parameter, survivors: Survivors) -> RemovableHandle:
    # a hook stays on a parameter that is frozen, but only one that is not frozen takes it
    frozen = not parameter.requires_grad
    parameter.requires_grad = True
    hook: RemovableHandle = parameter.register_hook(survivors.of_gradient)
    if frozen:
        parameter.requires_grad = False
    return hook


def _parameters_of(owner: nn.Module) -> dict[str, Tensor | None]:
    return owner._parameters  # type: ignore[return-value]  # noqa: SLF001 - also what was given


def _owner_of(module: nn.Module, path: str) -> tuple[nn.Module | None, str]:
    above, _, leaf = path.rpartition(".")
    owner: nn.Module | None = module
    for part in above.split(".") if above else ():
        owner = None if owner is None else parts_of(owner).get(part)
    return owner, leaf


def _path_of(module: nn.Module, parameter: nn.Parameter | None) -> str:
    """The name under which a parameter is in a module by now; empty where it is not."""
    for name, other in module.named_parameters():
        if other is parameter:
            layer, parametrized, leaf = name.partition(_PARAMETRIZED)
            return f"{layer}.{leaf.split('.')[0]}" if parametrized else name
    return ""


def _address(parameter: Tensor) -> int:
    try:
        return parameter.data_ptr()
    except RuntimeError:  # a tensor that only stands for others has none
        return id(parameter)
