"""`timm:NAME`: classifiers of timm whose weights live in Conv and Linear modules.

A name must be one of timm's own registry, exactly: no tag, no scheme such as `hf-hub:`, and never
pretrained weights. The options are the two below and nothing else.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ticket_hub.errors import NetworkError
from ticket_hub.networks.options import FloatRange
from ticket_hub.networks.prunable import PRUNABLE_TYPES, set_kind
from ticket_hub.networks.registry import register_network
from ticket_hub.patterns import TIMM
from ticket_hub.registry import nearest
from ticket_hub.types import Architecture, Option
from ticket_hub.vision import import_with_torchvision

__all__ = ["timm_arguments", "timm_names"]

PLAIN_NAME = re.compile("[a-z0-9][a-z0-9_]{0,99}")
RATE = FloatRange(default=None, low=0.0, high=0.95)
MAX_NAMES_SHOWN = 8
MAX_OUTSIDE = 0.5

# Blocks whose identity path has convolutions: class -> attribute that holds them.
_SHORTCUTS = {
    **dict.fromkeys(
        (
            "resnet.BasicBlock",
            "resnet.Bottleneck",
            "res2net.Bottle2neck",
            "resnest.ResNestBottleneck",
            "resnetv2.PreActBasic",
            "resnetv2.PreActBottleneck",
            "resnetv2.Bottleneck",
            "regnet.Bottleneck",
            "regnet.PreBottleneck",
            "senet.SEBottleneck",
            "senet.SEResNetBottleneck",
            "senet.SEResNeXtBottleneck",
            "senet.SEResNetBlock",
            "sknet.SelectiveKernelBasic",
            "sknet.SelectiveKernelBottleneck",
            "tresnet.BasicBlock",
            "tresnet.Bottleneck",
        ),
        "downsample",
    ),
    **dict.fromkeys(
        (
            "byobnet.BasicBlock",
            "byobnet.BottleneckBlock",
            "byobnet.DarkBlock",
            "byobnet.EdgeBlock",
            "byobnet.SelfAttnBlock",
            "convnext.ConvNeXtBlock",
            "ghostnet.GhostBottleneck",
            "ghostnet.GhostBottleneckV3",
            "maxxvit.ConvNeXtBlock",
            "maxxvit.MbConvBlock",
            "maxxvit.TransformerBlock2d",
            "repghost.RepGhostBottleneck",
            "vitamin.MbConvLNBlock",
            "xception_aligned.PreXceptionModule",
            "xception_aligned.XceptionModule",
        ),
        "shortcut",
    ),
    "xception.Block": "skip",
}

# Modules that multiply by weights of their own, or standardize them: a mask would not reach the
# weights that take part in the network's function.
_OTHER_WEIGHTS = (
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
    nn.Bilinear,
    nn.Embedding,
    nn.EmbeddingBag,
)
_OTHER_WEIGHTS_OF_TIMM = (
    "CondConv2d",
    "StdConv2d",
    "StdConv2dSame",
    "ScaledStdConv2d",
    "ScaledStdConv2dSame",
)

_CHECKED: set[Architecture] = set()
"""Those that a batch has gone through in this process."""
_WITHOUT_SIZE: set[str] = set()
"""Networks that take images of any size, and no `img_size`, as has been seen in this process."""


@functools.cache
def timm_names() -> tuple[str, ...]:
    """The networks of the installed timm, without tags, sorted."""
    return tuple(_timm().list_models())


def _timm() -> ModuleType:
    return import_with_torchvision("timm")


@register_network(
    "timm:.*",
    options={"drop_rate": RATE, "drop_path_rate": RATE},
    examples=("timm:resnet18", "timm:resnet50", "timm:vit_tiny_patch16_224"),
)
def timm_network(architecture: Architecture, **rates: float) -> nn.Module:
    """Build a network of timm, with `num_classes`, `in_chans` and `img_size` of the images.

    Raises:
        NetworkError: timm has no such network; it does not take such images or options; or it has
            weights outside Conv and Linear modules.
    """
    module, _ = _create(architecture, rates)
    _refuse_other_weights(architecture.name, module)
    # What timm calls the first convolution, a patch embedding too; else the first layer.
    parts = dict(module.named_modules())
    said = getattr(module, "default_cfg", {}).get("first_conv") or ()
    named = [parts.get(name) for name in ([said] if isinstance(said, str) else said)]
    found = [part for part in named if part is not None and any(_prunable(part))]
    for part in found or [module]:
        set_kind(next(_prunable(part)), "stem")
    _mark_shortcuts(module)
    _mark_outputs(architecture, module)
    if torch.get_default_device().type == "meta" and architecture not in _CHECKED:
        _check_forward(architecture, module)
        _CHECKED.add(architecture)
    return module


@functools.lru_cache(maxsize=256)
def timm_arguments(architecture: Architecture) -> Mapping[str, Any]:
    """The keywords besides the number of classes with which timm itself builds this network.

    Raises:
        NetworkError: timm cannot build it.
    """
    with torch.device("meta"):
        rates = dict(architecture.options)
        _, sizes = _create(architecture, rates)
    return MappingProxyType({"in_chans": architecture.channels, **sizes, **rates})


def _check_name(name: str) -> None:
    """Only what could be a name is worth the seconds that importing timm takes."""
    known = timm_names() if PLAIN_NAME.fullmatch(name) else ("resnet18",)
    if name in known:
        return
    raise NetworkError(
        f"timm has no network {name!r}.",
        f"The nearest is '{TIMM}{nearest(name, known)}'. Names are those of "
        "`timm.list_models()`, without tag and without a scheme such as 'hf-hub:'.",
    )


def _create(
    architecture: Architecture, rates: Mapping[str, Option]
) -> tuple[nn.Module, dict[str, Any]]:
    """Give `img_size` to the networks that take it; it is returned beside the module."""
    name = architecture.name.removeprefix(TIMM)
    _check_name(name)
    height, width = architecture.height, architecture.width
    wanted = {"img_size": height if height == width else (height, width)}
    choices: tuple[dict[str, Any], ...] = (wanted, {})
    for sizes in choices[name in _WITHOUT_SIZE :]:
        try:
            module: nn.Module = _timm().create_model(
                name,
                pretrained=False,
                num_classes=architecture.classes,
                in_chans=architecture.channels,
                **sizes,
                **rates,
            )
        except TypeError as error:
            # Python names the keyword that a function does not take; nothing else tells which
            # networks do.
            if sizes and "'img_size'" in str(error):
                _WITHOUT_SIZE.add(name)
                continue
            raise _refusal(architecture, error) from error
        except Exception as error:  # a network of timm may raise anything
            raise _refusal(architecture, error) from error
        return module, sizes
    raise AssertionError("the second attempt either returns or raises")


def _refusal(architecture: Architecture, error: Exception) -> NetworkError:
    given = "".join(f", {key} = {value!r}" for key, value in architecture.options)
    return NetworkError(
        f"{architecture.name!r} cannot be built for images of shape {architecture.input_shape}, "
        f"{architecture.classes} classes{given}: {type(error).__name__}: {str(error)[:300]}",
        "Choose another network, resize the images, or leave out the option that it names.",
    )


def _refuse_other_weights(name: str, module: nn.Module) -> None:
    """Norms, scales, biases, tokens, and tables of positions may lie outside; weights may not.

    Whether a parameter is one of these cannot be seen from its shape, so modules that hold weights
    of their own are known by type; and whatever the types, most of a network must lie in Conv and
    Linear modules for a density to mean anything.
    """
    known, outside, total = [], [], 0
    for path, part in module.named_modules():
        found = [
            (f"{path}.{key}" if path else key, value)
            for key, value in part.named_parameters(recurse=False)
        ]
        total += sum(value.numel() for _, value in found)
        if isinstance(part, _OTHER_WEIGHTS) or any(
            kind.__module__.startswith("timm.layers.") and kind.__name__ in _OTHER_WEIGHTS_OF_TIMM
            for kind in type(part).__mro__
        ):
            known += [key for key, value in found if value.dim() > 1]
        elif not isinstance(part, PRUNABLE_TYPES):
            outside += [(key, value.numel()) for key, value in found]
    if not known and sum(size for _, size in outside) > MAX_OUTSIDE * total:
        known = [key for key, _ in sorted(outside, key=lambda pair: -pair[1])]
    if known:
        more = f" and {len(known) - MAX_NAMES_SHOWN} more" * (len(known) > MAX_NAMES_SHOWN)
        raise NetworkError(
            f"{name!r} has weights that no mask can reach, since they lie outside plain Conv and "
            f"Linear modules: {', '.join(known[:MAX_NAMES_SHOWN])}{more}.",
            "Choose a network whose weights live in Conv and Linear modules.",
        )


def _mark_shortcuts(module: nn.Module) -> None:
    for block in module.modules():
        for kind in type(block).__mro__:
            attribute = _SHORTCUTS.get(
                f"{kind.__module__}.{kind.__qualname__}".removeprefix("timm.models.")
            )
            path = getattr(block, attribute, None) if attribute else None
            if isinstance(path, nn.Module):
                for part in _prunable(path):
                    set_kind(part, "shortcut")


def _mark_outputs(architecture: Architecture, module: nn.Module) -> None:
    """The layers of timm's classifier that give one number for each class."""
    get_classifier = getattr(module, "get_classifier", None)
    classifier = get_classifier() if callable(get_classifier) else None
    heads = classifier if isinstance(classifier, tuple | list) else [classifier]
    found = [
        part
        for head in heads
        if isinstance(head, nn.Module)
        for part in _prunable(head)
        if part.weight.shape[0] == architecture.classes
    ]
    if not found:
        raise NetworkError(
            f"{architecture.name!r} is no classifier.", "Choose a network that gives classes."
        )
    for part in found:
        set_kind(part, "output")


def _prunable(module: nn.Module) -> Iterator[nn.Conv2d | nn.Linear]:
    return (part for part in module.modules() if isinstance(part, PRUNABLE_TYPES))  # type: ignore[misc]


def _check_forward(architecture: Architecture, module: nn.Module) -> None:
    """Let one batch without values through, so that a wrong size is found before training."""
    module.eval()
    try:
        with torch.no_grad():
            logits = module(torch.empty(2, *architecture.input_shape))
    except Exception as error:  # a network of timm may raise anything
        raise _refusal(architecture, error) from error
    module.train()
    if not isinstance(logits, Tensor) or tuple(logits.shape) != (2, architecture.classes):
        raise NetworkError(
            f"{architecture.name!r} does not give one number for each class.",
            "Choose a network that is a classifier.",
        )
