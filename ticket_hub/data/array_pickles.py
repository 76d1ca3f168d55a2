"""Pickled dictionaries of arrays, as CIFAR and the smaller forms of ImageNet are published."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

__all__ = ["unpickled"]


def unpickled(data: bytes) -> Any:  # noqa: ANN401 - what a file holds
    """What was pickled; keys of Python 2 are bytes.

    Raises:
        ValueError: it is something else than dictionaries, lists and numpy arrays.
    """
    try:
        return _ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from error


class _ArrayUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists and numpy arrays, and calls nothing else.

    A second line of defence: `DatasetFiles.read` gives only bytes that have the published digest.
    """

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as the base class
        """What a pickle asks for by name, where arrays need it; nothing else is looked up."""
        known = {
            "_reconstruct": np._core.multiarray._reconstruct,  # type: ignore[attr-defined]  # noqa: SLF001 - what pickled arrays name
            "ndarray": np.ndarray,
            "dtype": _dtype,
            "encode": _bytes,
        }
        if module.partition(".")[0] not in {"numpy", "_codecs"} or name not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return known[name]


def _dtype(name: bytes | str, *_flags: object) -> np.dtype[Any]:
    return np.dtype(name if isinstance(name, str) else name.decode("ascii"))


def _bytes(text: str, _encoding: str) -> bytes:
    return text.encode("latin-1")  # how Python 3 writes bytes for Python 2
