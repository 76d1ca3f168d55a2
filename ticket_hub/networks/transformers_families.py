"""The closed list of text classifiers of the library `transformers`, and what each may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ticket_hub.networks.options import Choice, FloatRange, IntRange, OptionRule

__all__ = ["FAMILIES", "PREFIX", "Family", "family_of"]

PREFIX = "transformers:"
_ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu")
_RATE = FloatRange(default=0.1, low=0.0, high=0.95)


def _sizes(**defaults: int) -> dict[str, OptionRule]:
    return {key: IntRange(default=value, low=1, high=1 << 18) for key, value in defaults.items()}


def _common(activation: str, **more: OptionRule) -> dict[str, OptionRule]:
    return {
        activation: Choice(default="gelu", choices=_ACTIVATIONS),
        "initializer_range": FloatRange(default=0.02, low=0.0, high=1.0),
        **more,
    }


def _bert(vocab_size: int, pad: int, **sizes: int) -> Mapping[str, OptionRule]:
    usual = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
    usual |= {"intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2}
    options = _sizes(vocab_size=vocab_size, **{**usual, **sizes})
    options |= _common("hidden_act", hidden_dropout_prob=_RATE, attention_probs_dropout_prob=_RATE)
    options["layer_norm_eps"] = FloatRange(default=1e-12, low=1e-20, high=1.0)
    options["pad_token_id"] = IntRange(default=pad, low=0, high=1 << 18)
    return MappingProxyType(options)


_DISTILBERT: Mapping[str, OptionRule] = MappingProxyType(
    {
        **_sizes(vocab_size=30522, dim=768, n_layers=6, n_heads=12, hidden_dim=3072),
        **_sizes(max_position_embeddings=512),
        **_common("activation", dropout=_RATE, attention_dropout=_RATE),
        "seq_classif_dropout": FloatRange(default=0.2, low=0.0, high=0.95),
        "pad_token_id": IntRange(default=0, low=0, high=1 << 18),
        "sinusoidal_pos_embds": Choice(default=False, choices=(False, True)),
    }
)
_GPT2: Mapping[str, OptionRule] = MappingProxyType(
    {
        **_sizes(vocab_size=50257, n_embd=768, n_layer=12, n_head=12, n_positions=1024),
        "n_inner": IntRange(default=None, low=1, high=1 << 18),
        "activation_function": Choice(default="gelu_new", choices=_ACTIVATIONS),
        "initializer_range": FloatRange(default=0.02, low=0.0, high=1.0),
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), _RATE),
        "layer_norm_epsilon": FloatRange(default=1e-5, low=1e-20, high=1.0),
        "pad_token_id": IntRange(default=50256, low=0, high=1 << 18),
    }
)


@dataclass(frozen=True, kw_only=True)
class Family:
    """One architecture of the closed list.

    Attributes:
        name: in the library, `model_type` of its `config.json`.
        classes: what the library's classes begin with.
        base: the part of the module that its pretrained weights are of.
        output: the layer of the classes.
        width, heads, positions, layers: the options that say how large it is.
        options: all options, by the names of the library.
    """

    name: str
    classes: str
    base: str
    output: str
    options: Mapping[str, OptionRule]
    width: str = "hidden_size"
    heads: str = "num_attention_heads"
    positions: str = "max_position_embeddings"
    layers: str = "num_hidden_layers"


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        each.name: each
        for each in (
            Family(
                name="bert",
                classes="Bert",
                base="bert",
                output="classifier",
                options=_bert(30522, 0),
            ),
            Family(
                name="roberta",
                classes="Roberta",
                base="roberta",
                output="classifier.out_proj",
                options=_bert(50265, 1),
            ),
            Family(
                name="electra",
                classes="Electra",
                base="electra",
                output="classifier.out_proj",
                options=_bert(
                    30522,
                    0,
                    embedding_size=128,
                    hidden_size=256,
                    num_attention_heads=4,
                    intermediate_size=1024,
                ),
            ),
            Family(
                name="distilbert",
                classes="DistilBert",
                base="distilbert",
                output="classifier",
                options=_DISTILBERT,
                width="dim",
                heads="n_heads",
                layers="n_layers",
            ),
            Family(
                name="gpt2",
                classes="GPT2",
                base="transformer",
                output="score",
                options=_GPT2,
                width="n_embd",
                heads="n_head",
                positions="n_positions",
                layers="n_layer",
            ),
        )
    }
)


def family_of(name: str) -> Family | None:
    """The family of a network's name; None of another network."""
    return FAMILIES.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
