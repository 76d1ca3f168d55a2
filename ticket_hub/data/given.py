"""`given:DIGEST`: examples that were given in Python, kept where every later command finds them.

They lie in one file, `given/DIGEST.safetensors` under the folder of the data sets, named by the
beginning of the sha256 of its bytes: the same examples have the same name on every machine.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ticket_hub.data.dataset import Part, Published
from ticket_hub.data.examples import class_names, collect, kind_of, label_array, to_part, to_texts
from ticket_hub.data.registry import DATASETS
from ticket_hub.data.splitting import numbered, test_fifth
from ticket_hub.data.texts import to_tokens
from ticket_hub.durable import canonical_json, make_folder, write_bytes
from ticket_hub.errors import DataCorruptError, DataError, DataNotFoundError
from ticket_hub.home import data_folder, expanded
from ticket_hub.recipe import DataSpec
from ticket_hub.tensors import pack_tensors, unpack_tensors

__all__ = ["PREFIX", "holds_texts", "keep"]

PREFIX = "given:"
DIGITS = 16


def keep(
    data: object, data_dir: Path | str | None = None, *, tokens: bool = False, size: int = 0
) -> str:
    """Keep examples in the folder of the data sets, and return their name for `data.name`.

    Args:
        data: `(x, y)`; a `torch.utils.data.Dataset` of such pairs; or a dict of these by `train`,
            `val` and `test`, in which `classes` may say how many there are, or name them. `x` are
            numbers (arrays or tensors, as `arrays:` reads them), Pillow images, or texts; `y` are
            whole numbers from 0 on, or names. Parts that are not given are drawn by the recipe's
            seed.
        data_dir: by default that of `ticket_hub.home`.
        tokens: whole numbers `(examples, length)` are those of words, with 0 after the end of a
            text; otherwise they are a table's.
        size: the side that pictures of several sizes are scaled to, as by `data.size`; 0 refuses
            them.

    Raises:
        DataError: they are nothing of this kind, or not one label for each example.
        StorageError: they cannot be written.
    """
    parts, said = collect(data)
    labels, found = numbered([label_array(y, name) for name, (_, y) in parts.items()], "the data")
    kind = kind_of(parts["train"][0])
    tensors: dict[str, Tensor] = {}
    for (name, (x, _)), truth in zip(parts.items(), labels, strict=True):
        values = (
            _bytes(to_texts(x, name))
            if kind == "texts"
            else to_part(x, name, tokens=tokens, size=size)
        )
        if len(x) != len(truth):
            raise DataError(
                f"The {name} part has {len(x)} examples and {len(truth)} labels.",
                "Give each example one label.",
            )
        tensors |= {f"{name}_x": values, f"{name}_y": truth}
    about = {"classes": list(class_names(said, found)), "kind": kind}
    packed = pack_tensors({**tensors, "about": _bytes(about)})
    digest = hashlib.sha256(packed).hexdigest()[:DIGITS]
    path = _path(digest, expanded(data_dir) if data_dir else data_folder())
    if not path.is_file():
        make_folder(path.parent)
        write_bytes(path, packed)
    return f"{PREFIX}{digest}"


@DATASETS.register(rf"{PREFIX}[0-9a-f]{{{DIGITS}}}", examples=[f"{PREFIX}DIGEST"])
def given(root: Path, spec: DataSpec) -> Published:
    """Examples that `keep` has kept.

    Raises:
        DataNotFoundError: their file is not here.
        DataCorruptError: it is not what its name says.
    """
    digest = spec.name.removeprefix(PREFIX)
    path = _path(digest, root)
    if not path.is_file():
        raise DataNotFoundError(
            f"The data {spec.name} were given in Python, and are not in {path.parent}.",
            f"Give the same examples again (`ticket_hub.data.keep(data)`, or `find(data=...)`), or "
            f"get {path.name} from who gave them and put it there.",
        )
    data = path.read_bytes()
    if not hashlib.sha256(data).hexdigest().startswith(digest):
        raise DataCorruptError(
            f"{path} is not what its name says: its bytes have changed.",
            "Delete it, and give the same examples again.",
        )
    return _published(unpack_tensors(data), spec)


def _published(tensors: dict[str, Tensor], spec: DataSpec) -> Published:
    about = _value(tensors["about"])
    names = [name for name in ("train", "val", "test") if f"{name}_y" in tensors]
    inputs, vocabulary = [tensors[f"{name}_x"] for name in names], 0
    if about["kind"] == "texts":
        inputs, vocabulary = to_tokens([_value(each) for each in inputs], spec)
    elif inputs[0].dtype == torch.int64:
        vocabulary = 1 + max((int(each.max()) for each in inputs if each.numel()), default=0)
    parts = {
        name: Part(inputs=x, labels=tensors[f"{name}_y"])
        for name, x in zip(names, inputs, strict=True)
    }
    if "test" not in parts:
        whole = parts["train"]
        chosen = test_fifth(whole.labels, len(about["classes"]), spec.split_seed)
        for name, places in zip(("train", "test"), chosen, strict=True):
            parts[name] = whole.take(torch.tensor(places, dtype=torch.int64))
    return Published(
        train=parts["train"],
        test=parts["test"],
        validation=parts.get("val"),
        classes=len(about["classes"]),
        class_names=tuple(about["classes"]),
        vocabulary=vocabulary,
    )


def holds_texts(name: str, data_dir: Path | str | None = None) -> bool:
    """Whether examples that were kept under a name are texts."""
    path = _path(name.removeprefix(PREFIX), expanded(data_dir) if data_dir else data_folder())
    if not name.startswith(PREFIX) or not path.is_file():
        return False
    return bool(_value(unpack_tensors(path.read_bytes())["about"])["kind"] == "texts")


def _path(digest: str, root: Path) -> Path:
    return root / "given" / f"{digest}.safetensors"


def _bytes(value: object) -> Tensor:
    return torch.from_numpy(np.frombuffer(canonical_json(value), dtype=np.uint8).copy())


def _value(tensor: Tensor) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(tensor.numpy().tobytes())
