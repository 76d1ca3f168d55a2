"""The heads of attention modules that are known here, by the attributes of these modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ticket_hub.networks.encoder import HEAD, EncoderLayer
from ticket_hub.pruning.structure import InnerOrder, UnitGroup
from ticket_hub.shapes import Int64

__all__ = ["attention_heads"]

Attention: TypeAlias = Any  # timm's, which has no types


def attention_heads(module: nn.Module) -> Iterator[UnitGroup]:
    """The heads of each attention module that is known here.

    Within a head neither the features of values have an order, nor those of queries and keys, which
    go together, since only their products count.
    """
    for name, part in module.named_modules():
        if _is_timm_attention(part):
            yield _timm_heads(f"{name}." if name else "", part)
        elif isinstance(part, EncoderLayer):
            yield _encoder_heads(f"{name}.", part)


def _is_timm_attention(part: nn.Module) -> bool:
    plain = (getattr(part, name, None) for name in ("qkv", "proj"))
    counts = (getattr(part, name, None) for name in ("num_heads", "head_dim", "attn_dim"))
    whole = all(isinstance(each, nn.Linear) for each in plain)
    return (
        whole
        and all(isinstance(each, int) for each in counts)
        and isinstance(getattr(part, "norm", nn.Identity()), nn.Identity)
        and getattr(part, "gate", None) is None
    )


def _timm_heads(prefix: str, part: Attention) -> UnitGroup:
    heads, width = part.num_heads, part.head_dim
    # The rows of qkv are the queries of all heads, then all keys, then all values.
    one = torch.arange(heads * width).view(heads, width)
    queries, keys, values = (one + kind * heads * width for kind in range(3))
    leaves = [f"{prefix}qkv.{leaf}" for leaf in part.qkv.state_dict()]
    output = f"{prefix}proj.weight"
    inner = [_values(prefix, dict.fromkeys(leaves, values), output, one)]
    # A norm of queries and keys has numbers for each feature, and a rotation pairs them.
    norms = (getattr(part, name, None) or nn.Identity() for name in ("q_norm", "k_norm"))
    if all(isinstance(each, nn.Identity) for each in norms) and not hasattr(part, "rotate_half"):
        pairs = torch.stack([queries, keys], dim=2)
        inner.append(_queries_and_keys(prefix, dict.fromkeys(leaves, pairs)))
    return UnitGroup(
        name=f"{prefix}qkv.weight",
        rows=dict.fromkeys(leaves, torch.cat([queries, keys, values], dim=1)),
        columns={output: one},
        attributes={
            f"{prefix}num_heads": (heads, 1),
            f"{prefix}attn_dim": (part.attn_dim, width),
        },
        inner=tuple(inner),
    )


def _encoder_heads(prefix: str, part: EncoderLayer) -> UnitGroup:
    one = torch.arange(part.query.out_features).view(-1, HEAD)
    rows = {
        f"{prefix}{name}.{leaf}": one
        for name in ("query", "key", "value")
        for leaf in ("weight", "bias")
    }
    values = {name: places for name, places in rows.items() if ".value." in name}
    others = {name: places.unsqueeze(2) for name, places in rows.items() if name not in values}
    output = f"{prefix}attention_output.weight"
    return UnitGroup(
        name=f"{prefix}query.weight",
        rows=rows,
        columns={output: one},
        inner=(_values(prefix, values, output, one), _queries_and_keys(prefix, others)),
    )


def _values(
    prefix: str, rows: Mapping[str, Tensor], output: str, columns: Int64[Tensor, "heads width"]
) -> InnerOrder:
    return InnerOrder(
        name=f"{prefix}values",
        rows={name: places.unsqueeze(2) for name, places in rows.items()},
        columns={output: columns.unsqueeze(2)},
    )


def _queries_and_keys(prefix: str, rows: Mapping[str, Tensor]) -> InnerOrder:
    return InnerOrder(name=f"{prefix}queries-keys", rows=rows, columns={})
