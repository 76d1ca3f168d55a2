"""Keep a mask on a module while any ordinary PyTorch loop trains it."""

from __future__ import annotations

import copy
import warnings
import weakref
from collections import Counter, OrderedDict
from collections.abc import Set as AbstractSet
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook
from torch.utils.hooks import RemovableHandle

from ticket_hub.pruning.computed import pre_hooks
from ticket_hub.pruning.holding import HeldWeight, called_functionally
from ticket_hub.pruning.masks import density
from ticket_hub.pruning.survivors import Survivors
from ticket_hub.types import Mask

__all__ = ["MaskHandle", "mask_handle"]

_ATTRIBUTE = "_ticket_mask"
_FOR_SCRIPTS = "__prepare_scriptable__"

_HANDLES: dict[int, weakref.ref[MaskHandle]] = {}
"""Every handle that lives; a handle's end takes it out."""


class MaskHandle:
    """Holds masked weights of a module at exactly 0 until it is removed.

    - The gradient of a dropped weight is 0, so momentum and moments never build up there; also of
      a parameter that was frozen at first, and of an embedding whose gradients are sparse.
    - After every step of any `torch.optim` optimizer that trains the module, and after
      `load_state_dict`, the mask is applied again: decoupled weight decay, or momentum loaded from
      elsewhere, brings nothing back.
    - Before every forward pass it is applied once more, which covers optimizers written by hand.
      They may also call `apply` after their step.
    - Weights that are computed (`torch.nn.utils.parametrizations`, the older weight norm, weights
      given to `torch.func.functional_call`) are masked where the layer takes them.

    A layer that was replaced so that its mask fits no more is named in a warning before the next
    forward pass, and is held again should the mask fit again. The state dict has the plain
    module's names. Copies of the module (`copy.deepcopy`, pickling) keep the mask by themselves;
    `mask_handle` gives their handle. Traced and scripted modules share their parameters with the
    module, and are for use rather than for training. Values change in place without autograd
    noticing, which is sound because a weight that is 0 already stays as it is.
    """

    def __init__(self, module: nn.Module, mask: Mask) -> None:
        self._held = {name: HeldWeight(name, Survivors(keep)) for name, keep in mask.items()}
        self._watch(module, active=True)
        self._hooks += [
            module.register_forward_pre_hook(self._before_forward),
            module.register_load_state_dict_post_hook(self._after_load),
        ]
        setattr(module, _ATTRIBUTE, self)
        setattr(module, _FOR_SCRIPTS, self._without_hooks)
        self.attach(module)

    def _watch(self, module: nn.Module | None, *, active: bool) -> None:
        self._active, self._seen = active, False
        self._hooks: list[RemovableHandle] = []
        # Weakly: the module holds its handle as an attribute.
        self._module = None if module is None else weakref.ref(module)
        key, handles = id(self), _HANDLES  # a name of its own: at the exit modules lose theirs
        handles[key] = weakref.ref(self, lambda _: handles.pop(key, None))

    @property
    def mask(self) -> Mask:
        """Prunable name -> bool tensor, True is kept; of the layers that are held at present."""
        return {name: w.survivors.keep for name, w in self._held.items() if not w.lost}

    @property
    def density(self) -> float:
        """Kept weights over prunable weights of the layers that are held; shared ones count once.

        1 where no layer is held.
        """
        mask = self.mask
        once: dict[int, str] = {}
        for name in mask:
            parameter = self._held[name].parameter
            once.setdefault(id(self._held[name] if parameter is None else parameter), name)
        return density({name: mask[name] for name in once.values()}) if once else 1.0

    def apply(self) -> None:
        """Set every dropped weight to exactly 0."""
        if self._active:
            for weight in self._held.values():
                weight.apply()

    def remove(self) -> None:
        """Let go: from now on every weight may change."""
        self._active = False
        module = self._module() if self._module else None
        for weight in self._held.values():
            weight.remove(module)
        if module is not None and getattr(module, _ATTRIBUTE, None) is self:
            delattr(module, _ATTRIBUTE)
            delattr(module, _FOR_SCRIPTS)
            for hook in self._hooks:
                hook.remove()
            for key in [key for key, hook in pre_hooks(module).items() if self._is_mine(hook)]:
                del pre_hooks(module)[key]  # of a copy

    def attach(self, module: nn.Module) -> None:
        """Take hold of the present weights of a module, and apply the mask.

        Called by itself before each forward pass, since layers may have been replaced.
        """
        if self._module is None or self._module() is None:
            self._module = weakref.ref(module)
        self._seen = True
        # A parameter that two names hold has not moved: it is shared, and each name stays where it
        # is.
        holders = Counter(id(weight.parameter) for weight in self._held.values())
        for weight in self._held.values():
            before = weight.lost
            weight.find(module, follow=holders[id(weight.parameter)] == 1)
            if weight.lost and not before:
                warnings.warn(
                    f"The mask of {weight.name!r} cannot be held at present: {weight.lost}. The "
                    "other layers keep theirs. `mask_handle(module).remove()` lets go of all.",
                    stacklevel=2,
                )
        self.apply()

    def _before_forward(self, module: nn.Module, _arguments: tuple[Any, ...]) -> None:
        tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        # Not `is_exporting()`, which in torch 2.11 is true of every graph that is compiled.
        exporting = torch.compiler._is_exporting_flag  # noqa: SLF001
        if not self._active or tracing or exporting:
            return
        # What follows looks at Python objects, at which a compiled graph would break.
        if torch.compiler.is_compiling():
            self.apply()
            return
        # a replica of DataParallel is made of weights that are masked already
        if getattr(module, "_is_replica", False):
            return
        given = any(weight.is_given(module) for weight in self._held.values())
        in_place = (weight.is_in_place(module) for weight in self._held.values())
        if given or (not all(in_place) and called_functionally()):
            self._mask_for_this_call(module)
        else:
            self.attach(module)

    def _mask_for_this_call(self, module: nn.Module) -> None:
        """What was given is masked while the module works with it, and comes back unchanged."""
        self.apply()  # to those that were not given
        lent = [weight.lend(module) for weight in self._held.values()]

        def put_back(*_: object) -> None:
            """Give the layer what was given for this call, unless somebody has replaced it."""
            for one in filter(None, lent):
                parameters, leaf, given, values = one
                if parameters.get(leaf) is values:
                    parameters[leaf] = given
            hook.remove()

        hook = module.register_forward_hook(put_back, always_call=True)

    def _after_load(self, module: nn.Module, _incompatible: object) -> None:
        if self._active:
            self.attach(module)

    def after_step(self, trained: AbstractSet[int]) -> None:
        """Apply the mask if any parameter that it holds was trained.

        Args:
            trained: `id` of every parameter of the optimizer.
        """
        if self._active:
            module = self._module() if self._module and not self._seen else None
            if module is not None:  # a copy that has taken hold of nothing yet
                self.attach(module)
            for weight in self._held.values():
                weight.refresh()
            if any(id(weight.parameter) in trained for weight in self._held.values()):
                self.apply()

    def _without_hooks(self) -> nn.Module | None:
        """What `torch.jit.script` takes: the module with the same parameters, but for the hooks."""
        module = self._module() if self._module else None
        if module is None:
            return None
        plain = copy.copy(module)
        for name in (_ATTRIBUTE, _FOR_SCRIPTS):
            delattr(plain, name)
        hooks = pre_hooks(module).items()
        others = OrderedDict((key, hook) for key, hook in hooks if not self._is_mine(hook))
        vars(plain)["_forward_pre_hooks"] = others
        return plain

    def _is_mine(self, hook: object) -> bool:
        return getattr(hook, "__self__", None) is self

    def __getstate__(self) -> dict[str, Any]:
        return {
            "mask": {name: weight.survivors.keep for name, weight in self._held.items()},
            "active": self._active,
            "paths": {name: weight.path for name, weight in self._held.items()},
            "module": self._module() if self._module else None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        paths = state.get("paths", {})
        self._held = {
            name: HeldWeight(name, Survivors(keep), paths.get(name, name))
            for name, keep in state["mask"].items()
        }
        self._watch(state.get("module"), active=state["active"])


def _after_step(optimizer: Optimizer, _arguments: object, _keywords: object) -> None:
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    # a list is made in one go, so that handles may come to their end meanwhile
    for reference in list(_HANDLES.values()):
        handle = reference()
        if handle is not None:
            handle.after_step(trained)


# One hook for all handles, for as long as the process lives: PyTorch goes through its hooks while
# Python may collect a handle, and would die of a hook that is taken out meanwhile.
register_optimizer_step_post_hook(_after_step)


def mask_handle(module: nn.Module) -> MaskHandle | None:
    """The handle that keeps a mask on this very module, or None; also for copies of a module."""
    handle: MaskHandle | None = getattr(module, _ATTRIBUTE, None)
    if handle is not None:
        handle.attach(module)
    return handle
