"""Import torchvision, and what needs it, on any build of torch.

Wheels of torchvision from the package index are built for CUDA. On a CPU build of torch their
compiled operators do not load, and the import dies with `operator torchvision::nms does not
exist`. Nothing here needs those operators: on that error alone their two schemas are declared,
which lets the import succeed.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

__all__ = ["import_with_torchvision"]

_MISSING = "operator torchvision::nms does not exist"
_libraries: list[torch.library.Library] = []  # a library that is collected takes its schemas along


def import_with_torchvision(name: str) -> ModuleType:
    """Import a module that imports torchvision, such as `timm` or `torchvision.datasets`.

    Raises:
        ImportError, RuntimeError: as the import itself, unless it is the missing operator.
    """
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if _MISSING not in str(error):
            raise
    _forget(name)
    if not _libraries:
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _libraries.append(library)
    return importlib.import_module(name)


def _forget(name: str) -> None:
    """Drop the half-imported modules, so that the next import starts anew."""
    root = name.partition(".")[0]
    for module in list(sys.modules):
        if module.partition(".")[0] in {"torchvision", root}:
            del sys.modules[module]
