"""`transformers:FAMILY`: text classifiers of the library `transformers`, built from options alone.

`ticket_hub.search.transformers_source` reads the options out of a `config.json`. The families and
what each may be asked are a closed list; nothing of a repository is ever executed. Their modules
have the names of the library's own, so that its checkpoints fit; GPT-2's `Conv1D` layers are
Linear layers here, with the transposed matrices.

What may be pruned is as in Chen et al. 2020: query, key, value and output of the attention, both
matrices of the feed-forward part, and the pooler; embeddings and norms are not. The layer of the
classes is of kind `output`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ticket_hub.errors import NetworkError
from ticket_hub.networks.prunable import set_kind
from ticket_hub.networks.registry import register_network
from ticket_hub.networks.transformers_families import FAMILIES, PREFIX, Family, family_of
from ticket_hub.project import install_extra
from ticket_hub.types import Architecture
from ticket_hub.vision import import_with_torchvision

__all__ = ["may_be_fresh", "source_names"]

MAX_CLASSES = 1 << 16

MAX_LAYERS = 128


@register_network(r"(?s)transformers:.+", examples=("transformers:OWNER/NAME",))
def unread(architecture: Architecture) -> nn.Module:
    """Refuse a source whose `config.json` was not read.

    Raises:
        NetworkError: always.
    """
    raise NetworkError(
        f"{architecture.name!r} names where a network comes from, and its config was not read.",
        "A search reads it: `ticket find`, `ticket_hub.find`. Afterwards the network is called by "
        f"its family, such as {PREFIX}bert, with options.",
    )


@register_network("transformers:bert", options=FAMILIES["bert"].options)
@register_network("transformers:roberta", options=FAMILIES["roberta"].options)
@register_network("transformers:electra", options=FAMILIES["electra"].options)
@register_network("transformers:distilbert", options=FAMILIES["distilbert"].options)
@register_network("transformers:gpt2", options=FAMILIES["gpt2"].options)
def classifier(architecture: Architecture, **options: Any) -> nn.Module:  # noqa: ANN401 - checked by rules
    """Build a family's classifier of texts, with fresh weights.

    Raises:
        NetworkError: the library is not installed, the data are no texts of its words, or sizes do
            not fit together.
    """
    family = family_of(architecture.name)
    assert family is not None, "registered by the names of families"
    rules = family.options
    given: dict[str, Any] = {key: options.get(key, rule.default) for key, rule in rules.items()}
    _check(family, given, architecture)
    if family.name == "gpt2":
        last = given["vocab_size"] - 1  # ends a text, and is not in one
        given["pad_token_id"] = min(given["pad_token_id"], last)
        given |= {"bos_token_id": last, "eos_token_id": last}
    kind, config = _classes(family.name)
    module: nn.Module = kind(
        config(num_labels=architecture.classes, attn_implementation="sdpa", **given)
    )
    # Put a Linear layer of the same function in the place of each `Conv1D` of the library.
    for parent in list(module.modules()):
        for name, found in list(parent.named_children()):
            if type(found).__name__ == "Conv1D":
                part: Any = found
                inputs, outputs = part.weight.shape
                layer = nn.utils.skip_init(nn.Linear, inputs, outputs, device=part.weight.device)
                layer.weight = nn.Parameter(part.weight.detach().mT.contiguous())
                layer.bias = part.bias
                setattr(parent, name, layer)
    set_kind(module.get_submodule(family.output), "output")
    return module


def _check(family: Family, given: Mapping[str, Any], architecture: Architecture) -> None:
    name, words = architecture.name, architecture.channels - 1
    if architecture.height != 1 or architecture.channels == 1:
        raise NetworkError(f"{name!r} reads texts, and these are images.", "Use text:PATH.")
    if words > given["vocab_size"]:
        raise NetworkError(
            f"{name!r} knows {given['vocab_size']:,} words, and the texts have {words:,}.",
            "Let the texts be tokenized by the network's own source: data.tokenizer.",
        )
    first = given["pad_token_id"] + 1 if family.name == "roberta" else 0
    length = given[family.positions] - first
    if architecture.width > length:
        raise NetworkError(
            f"{name!r} has positions for {length} tokens, and the texts have {architecture.width}.",
            f"Cut them: data.size={length}.",
        )
    width, heads = given[family.width], given[family.heads]
    if width % heads or given[family.layers] > MAX_LAYERS or architecture.classes > MAX_CLASSES:
        raise NetworkError(
            f"{name!r} cannot have {given[family.layers]} layers of {width} numbers in {heads} "
            f"heads, and {architecture.classes} classes.",
            f"The heads must divide the numbers; {MAX_LAYERS} layers and {MAX_CLASSES} classes "
            "are the most.",
        )


def _library(module: str) -> ModuleType:
    try:
        return import_with_torchvision(f"transformers.models.{module}")
    except ImportError as error:
        raise NetworkError(
            f"This network needs the library `transformers`, which cannot be imported: {error}.",
            f"Install it with `{install_extra('transformers')}`.",
        ) from error


@functools.cache
def _classes(name: str) -> tuple[Any, Any]:
    """A family's classifier that reads our numbers of words, and its class of configurations."""
    classes = FAMILIES[name].classes
    models = _library(f"{name}.modeling_{name}")
    base = getattr(models, f"{classes}ForSequenceClassification")
    looks_ahead = name != "gpt2"

    class Reader(base):  # type: ignore[misc, valid-type]  # of a library without types
        """Takes int64 `(batch, 1, 1, length)`: a token's number and 1, and 0 after the end."""

        inputs = "tokens"

        def forward(self, tokens: Tensor) -> Tensor:
            """Logits, `(batch, classes)`; attention sees a text's words, none behind its end."""
            numbers = tokens.flatten(1)
            is_word = numbers != 0
            ids = torch.where(is_word, numbers - 1, self.config.pad_token_id)
            # A text without words looks at its empty places, and not at nothing, which is NaN.
            seen = (is_word | ~is_word.any(1, keepdim=True))[:, None, None, :]
            if not looks_ahead:
                length = numbers.shape[1]
                seen = seen & torch.ones_like(is_word[:1]).expand(length, length).tril()
            logits: Tensor = super().forward(input_ids=ids, attention_mask=seen).logits
            return logits

    Reader.__name__ = Reader.__qualname__ = base.__name__
    return Reader, getattr(_library(f"{name}.configuration_{name}"), f"{classes}Config")


def source_names(
    family: Family, tensors: Mapping[str, Tensor], known: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """The tensors of a checkpoint of the library, by the names and in the shapes that are ours.

    Checkpoints of the bare model lack the name of the base, early ones call what norms have `gamma`
    and `beta`, and GPT-2's matrices are transposed.

    Args:
        known: shapes of our network.
    """
    renamed = {}
    for name, value in tensors.items():
        head, _, last = name.rpartition(".")
        last = {"gamma": "weight", "beta": "bias"}.get(last, last)
        renamed[f"{head}.{last}" if head else last] = value
    based = {f"{family.base}.{name}": value for name, value in renamed.items()}
    found = max((renamed, based), key=lambda names: len(known.keys() & names.keys()))
    if family.name != "gpt2":
        return found
    first = f"{family.base}.h.0.attn.c_attn.weight"
    if first not in found or tuple(found[first].shape) == known.get(first):
        return found
    parts = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")
    return {name: value.mT if name.endswith(parts) else value for name, value in found.items()}


def may_be_fresh(family: Family, name: str) -> bool:
    """Whether a tensor may be drawn where a checkpoint has none: of the head, and a pooler."""
    return not name.startswith(f"{family.base}.") or name.startswith(f"{family.base}.pooler.")
