"""A small transformer encoder that classifies texts (Vaswani et al. 2017), small enough for a CPU.

Each layer is in the order of BERT's parts with the norms before them (Xiong et al. 2020), which
trains without a warmup. What may be pruned is as in Chen et al. 2020: query, key, value, output,
both matrices of the feed-forward part, and the pooler; embeddings and norms are not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ticket_hub.errors import NetworkError
from ticket_hub.networks.lenet import DROPOUT
from ticket_hub.networks.prunable import Output
from ticket_hub.networks.registry import register_network
from ticket_hub.types import Architecture

__all__ = ["Encoder"]

HEAD = 32  # numbers of one attention head
EMBEDDING_STD = 0.02  # as BERT draws its embeddings


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, each added to what comes in."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.attention_output = nn.Linear(width, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.intermediate = nn.Linear(width, 4 * width)
        self.output = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, is_word: Tensor) -> Tensor:
        """`(batch, length, width)` -> the same; `is_word`: bool `(batch, 1, 1, length)`."""
        normed = self.attention_norm(values)
        query, key, value = (
            part(normed).unflatten(2, (-1, HEAD)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=is_word)
        values = values + self.dropout(self.attention_output(seen.transpose(1, 2).flatten(2)))
        inner = functional.gelu(self.intermediate(self.feed_forward_norm(values)))
        added: Tensor = values + self.dropout(self.output(inner))
        return added


class Encoder(nn.Module):
    """Embeddings of words and places, layers, the mean over all words, a pooler, the classes."""

    inputs = "tokens"

    def __init__(
        self, *, words: int, length: int, classes: int, layers: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.places = nn.Embedding(length, width)
        for embedding in (self.words, self.places):
            nn.init.normal_(embedding.weight, std=EMBEDDING_STD)
        self.layers = nn.ModuleList(EncoderLayer(width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.pooler = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.classes = Output(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Int64 `(batch, 1, 1, length)`, 0 after the end of a text -> logits `(batch, classes)`."""
        numbers = tokens.flatten(1)
        is_word = numbers != 0
        # A text without words looks at its empty places, and not at nothing, which would be NaN.
        looked_at = (is_word | ~is_word.any(1, keepdim=True))[:, None, None, :]
        values = self.words(numbers) + self.places.weight[: numbers.shape[1]]
        for layer in self.layers:
            values = layer(values, looked_at)
        shares = is_word.to(values.dtype).unsqueeze(2)
        mean = (self.norm(values) * shares).sum(1) / shares.sum(1).clamp(min=1)
        logits: Tensor = self.classes(self.dropout(torch.tanh(self.pooler(mean))))
        return logits


@register_network(
    r"encoder-[1-9]\d?-[1-9]\d{1,3}", options={"dropout": DROPOUT}, examples=("encoder-2-128",)
)
def encoder(architecture: Architecture, *, dropout: float = 0.0) -> nn.Module:
    """Build `encoder-LAYERS-WIDTH`; an attention head takes 32 numbers of the width."""
    layers, width = map(int, architecture.name.split("-")[1:])
    if width % HEAD:
        raise NetworkError(
            f"{architecture.name!r} cannot divide its width of {width} into heads of {HEAD}.",
            f"Take a multiple of {HEAD}, such as encoder-{layers}-{max(1, width // HEAD) * HEAD}.",
        )
    if architecture.height != 1:
        raise NetworkError(
            f"{architecture.name!r} reads texts, and these are images.",
            "Use text:PATH, or a network for images.",
        )
    return Encoder(
        words=architecture.channels,
        length=architecture.width,
        classes=architecture.classes,
        layers=layers,
        width=width,
        dropout=dropout,
    )
