"""Result folders of open_lth (https://github.com/facebookresearch/open_lth)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from torch import Tensor

from ticket_hub.interop.importers import hparams
from ticket_hub.interop.importers.files import MASKS, WEIGHTS, read_tensors
from ticket_hub.interop.importers.fitting import fit_mask, fit_weights
from ticket_hub.interop.importers.imported import Hints, ImportedTickets, ImportedTrial
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.interop.importers.unknown import architecture_of
from ticket_hub.interop.registry import register_importer
from ticket_hub.networks import architecture_for
from ticket_hub.recipe import NetworkSpec, PartialRecipe, Recipe
from ticket_hub.types import Architecture, Mask

__all__ = ["read_open_lth"]

Names: TypeAlias = dict[str, str]

MODEL = re.compile(r"model_ep(\d{1,9})_it(\d{1,9})\.pth")
PART = re.compile(r"replicate_\d+|level_(\d+|pretrain)")
LEVEL = re.compile(r"level_(\d{1,4})")
CONV_BIASES = "Biases of convolutions before batch norm, which take them off again, were left out."
BRANCHES = "Branches of the search (`lottery_branch_...`) were left out."
WHOLE_BATCHES = "open_lth trained on the last, smaller batch of an epoch too."


def _is_lottery(source: Path, _hints: Hints) -> bool:
    return source.is_dir() and any(PART.fullmatch(path.name) for path in source.iterdir())


@register_importer("open-lth", recognizes=_is_lottery)
def read_open_lth(path: Path, hints: Hints) -> ImportedTickets:
    """Every replicate of a `lottery_...` folder, or the one of a `replicate_N` folder.

    theta0 is always the start of level 0 (or the end of the pretraining before it): the starts of
    later levels are masked already.

    Raises:
        ImportRefusedError: there is no such start, the network has no counterpart here, or a file
            is not of tensors.
        NetworkError: the network that the user named cannot be.
    """
    replicates = _replicates(path)
    log = _log(replicates)
    epoch = None if log is None else hparams.per_epoch(log)
    start = _start(log, epoch, hints)
    raw = [read_tensors(_start_file(folder, start, epoch)) for folder in replicates]
    architecture, names = _network(log, raw[0], hints)
    starts = [fit_weights(theta0, names, architecture) for theta0 in raw]
    trials = tuple(
        ImportedTrial(theta0=theta0, masks=_masks(folder, names, architecture))
        for theta0, folder in zip(starts, replicates, strict=True)
    )
    known = hparams.known_data(log or {})
    return ImportedTickets(
        system="open_lth",
        source="/".join(path.resolve().parts[-2:]),
        architecture=architecture,
        recipe=_recipe(log, architecture, start, trials),
        mean=known.mean if known else None,
        std=known.std if known else None,
        start=start,
        trials=trials,
        notes=(
            WHOLE_BATCHES,
            *([CONV_BIASES] if "vgg" in architecture.name else []),
            *([BRANCHES] if any(path.glob("**/level_*/lottery_branch_*")) else []),
            *hparams.unsaid(log or {}),
        ),
    )


def _recipe(
    log: hparams.Hparams | None,
    architecture: Architecture,
    start: int,
    trials: tuple[ImportedTrial, ...],
) -> Recipe | PartialRecipe | None:
    if log is None:
        return None
    levels = max(max(trial.masks) for trial in trials)
    return hparams.nearest_recipe(log, architecture, start=start, levels=levels, trials=len(trials))


def _replicates(path: Path) -> list[Path]:
    if path.name.startswith("train_"):
        raise refusal(f"{path.name} is one training without masks, and no ticket.")
    if any(LEVEL.fullmatch(child.name) for child in path.iterdir()):
        return [path]
    found = [child for child in path.iterdir() if re.fullmatch(r"replicate_\d+", child.name)]
    if not found:
        raise refusal(f"{path} has no replicate_N and no level_N in it.")
    return sorted(found, key=lambda child: int(child.name.partition("_")[2]))


def _log(replicates: Iterable[Path]) -> dict[str, dict[str, str]] | None:
    """Only level 0 has one; all replicates were made with the same."""
    for folder in replicates:
        file = folder / "level_0/main/hparams.log"
        if file.is_file():
            return hparams.read_hparams(file)
    return None


def _start(log: hparams.Hparams | None, epoch: int | None, hints: Hints) -> int:
    if hints.start is not None:
        return hints.start
    before = (log or {}).get("Pretraining Training Hyperparameters", {})
    return hparams.iterations(before.get("training_steps", "0it"), epoch)


def _start_file(replicate: Path, start: int, epoch: int | None) -> Path:
    """The weights of iteration `start` before anything was pruned.

    Where nobody knows how long an epoch is, the first of the two files of level 0 is its start.
    """
    for level in ("level_0", "level_pretrain"):
        steps = {
            (int(step[1]), int(step[2])): file
            for file in (replicate / level / "main").glob("model_ep*_it*.pth")
            if (step := MODEL.fullmatch(file.name))
        }
        if epoch is None and start and level == "level_0" and len(steps) > 1:
            return steps[min(steps)]
        for (ep, it), file in sorted(steps.items()):
            if ep * (epoch or 0) + it == start and (epoch is not None or not ep):
                return file
    raise refusal(
        f"{replicate.name} has no weights of iteration {start} in level_0/main or "
        "level_pretrain/main, and those of later levels are masked already.",
        "Import the whole folder with its level_0; `--start` names another iteration.",
    )


def _masks(replicate: Path, names: Names, architecture: Architecture) -> dict[int, Mask]:
    masks = {}
    for folder in replicate.iterdir():
        level, file = LEVEL.fullmatch(folder.name), folder / "main/mask.pth"
        if level and file.is_file():
            found = read_tensors(file, MASKS + WEIGHTS)
            masks[int(level[1])] = fit_mask(found, names, architecture, folder.name)
    if not masks:
        raise refusal(f"{replicate.name} has no level_N/main/mask.pth.")
    if not all(bool(keep.all()) for keep in masks.get(0, {}).values()):
        raise refusal("The mask of level_0 drops weights, so that its start is not dense.")
    return dict(sorted(masks.items()))


def _network(
    log: hparams.Hparams | None, theta0: Mapping[str, Tensor], hints: Hints
) -> tuple[Architecture, Names]:
    """The network of ours with the structure that is named, and how parameters are called here."""
    model = (log or {}).get("Model Hyperparameters", {}).get("model_name", "")
    spec, shape = _counterpart(model)
    if log is None or hints.network:
        return architecture_of(hints), _names(theta0)
    if spec is None:
        raise refusal(
            f"{model!r} of open_lth has no counterpart among the networks here.",
            "Register a network of the same structure, and name it with `--network`.",
        )
    output = next((value for name, value in theta0.items() if name.endswith("fc.weight")), None)
    if output is None:
        raise refusal("The weights have no layer `fc`, as the networks of open_lth have.")
    classes = int(output.shape[0])
    return architecture_for(spec, hints.input_shape or shape, classes), _names(theta0)


def _counterpart(model: str) -> tuple[NetworkSpec | None, tuple[int, int, int]]:
    kind, *numbers = re.split(r"_(?=\d)", model)
    small = (3, 32, 32)
    if kind == "mnist_lenet" and numbers:
        return NetworkSpec(name="-".join(["lenet", *numbers])), (1, 28, 28)
    if kind == "cifar_resnet" and numbers:
        width: dict[str, int] = {"width": int(numbers[1])} if numbers[1:] else {}
        return NetworkSpec(name=f"resnet-{numbers[0]}", options=dict(width)), small
    if kind == "cifar_vgg" and numbers:
        return NetworkSpec(name=f"vgg-{numbers[0]}"), small
    if kind == "imagenet_resnet" and numbers:
        return NetworkSpec(name=f"timm:resnet{numbers[0]}"), (3, 224, 224)
    return None, small


RULES = (
    (re.compile(r"^fc\."), "output."),
    (re.compile(r"^fc_layers\."), "hidden."),
    (re.compile(r"^bn\."), "norm."),
    (re.compile(r"^(blocks\.\d+)\.bn([12])\."), r"\1.norm\2."),
)


def _names(theta0: Mapping[str, Tensor]) -> Names:
    if "layers.0.conv.weight" in theta0:
        return _vgg_names(theta0)
    bare = {name: name.removeprefix("model.") for name in theta0}
    if any(name.startswith("layer1.") for name in bare.values()):
        return bare  # torchvision's names, which are timm's
    names = {}
    for name, plain in bare.items():
        renamed = plain
        for rule, ours in RULES:
            renamed = rule.sub(ours, renamed)
        names[name] = renamed
    return names


def _vgg_names(theta0: Mapping[str, Tensor]) -> Names:
    """A convolution of theirs is three modules of ours, a pool is one in both."""
    names = {"fc.weight": "output.weight", "fc.bias": "output.bias"}
    last = max(int(name.split(".")[1]) for name in theta0 if name.startswith("layers."))
    place = 0
    for index in range(last + 1):
        if f"layers.{index}.conv.weight" not in theta0:
            place += 1
            continue
        names[f"layers.{index}.conv.weight"] = f"features.{place}.weight"
        for key in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            names[f"layers.{index}.bn.{key}"] = f"features.{place + 1}.{key}"
        place += 3
    return names
