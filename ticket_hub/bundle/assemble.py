"""From the content of a bundle to its manifest."""

from __future__ import annotations

import torch
from torch import Tensor

from ticket_hub.bundle import summary
from ticket_hub.bundle.content import BundleContent, LevelContent
from ticket_hub.bundle.encoding import bundle_id
from ticket_hub.bundle.manifest import Manifest, Theta0
from ticket_hub.bundle.manifest_records import LevelRecord, NetworkRecord, TrialRecord
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.bundle.network import Signature, layer_records
from ticket_hub.bundle.theta0 import refuse_nonfinite
from ticket_hub.bundle.unknown import without_placeholders
from ticket_hub.content_id import count_kept
from ticket_hub.errors import BundleFormatError, MaskMismatchError
from ticket_hub.pruning.masks import full_mask
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.recipe.own import ACCURACY
from ticket_hub.types import Mask

__all__ = [
    "checked",
    "complete",
    "curve_records",
    "densest_sparse",
    "manifest",
]


def checked(content: BundleContent, network: Signature, *, signs: bool = False) -> None:
    """Refuse content that cannot be a bundle; see `write_bundle`. Masks are checked when read.

    Args:
        signs: of theta0 nothing is stored but signs of prunable layers, which are enough.
    """
    for what, indices in (
        ("trials", [trial.index for trial in content.trials]),
        ("levels", [level.index for level in content.levels]),
    ):
        if not indices or indices != sorted(set(indices)) or indices[0] < 0:
            raise BundleFormatError(
                f"The {what} {indices} do not rise from 0.", f"Give {what} by rising index."
            )
    for level in content.levels:
        counts = {len(level.masks), len(content.trials)}
        curves = {len(level.curves), len(level.backends), 0} - {len(content.trials)}
        if len(counts) != 1 or curves - {0}:
            raise BundleFormatError(
                f"Level {level.index} has not one mask and one curve for each trial.",
                "Give one of each, in the order of the trials; or no curves at all.",
            )
    _check_controls(content)
    layers = {layer.name for layer in network.layers}
    wanted = {n: each for n, each in network.tensors.items() if n in layers or not signs}
    for trial in content.trials:
        given = {n: each for n, each in trial.theta0.items() if n in wanted or not signs}
        found = {name: (value.dtype, tuple(value.shape)) for name, value in given.items()}
        wrong = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        if wrong:
            raise MaskMismatchError(
                f"theta0 is not of this network: {', '.join(wrong[:5])} differ or are missing.",
                "Use the weights with the network that they were made for.",
            )
        refuse_nonfinite(trial.theta0, f"theta0 of trial {trial.index}")


def densest_sparse(content: BundleContent, network: Signature) -> LevelContent:
    """The first level that is not dense: what a bundle of survivors stores the survivors of.

    Raises:
        BundleFormatError: every level is dense.
    """
    for level in content.levels:
        if not all(
            all(count_kept(keep) == keep.numel() for keep in complete(mask, network).values())
            for mask in level.masks
        ):
            return level
    raise BundleFormatError(
        "There is no sparse level to store the survivors of.",
        "Write the bundle with theta0='dense', or add a level.",
    )


def _check_controls(content: BundleContent) -> None:
    levels = [level.index for level in content.levels]
    trials = [trial.index for trial in content.trials]
    groups: dict[tuple[int, str], list[int]] = {}
    for each in content.controls:
        groups.setdefault((each.level, each.control), []).append(each.trial)
    for (level, control), found in groups.items():
        if level not in levels or control == TICKET or sorted(found) != trials:
            raise BundleFormatError(
                f"The control {control!r} of level {level} cannot be in this bundle.",
                f"Give one curve for each of the trials {trials}, at one of the levels {levels}.",
            )


def complete(mask: Mask, network: Signature) -> dict[str, Tensor]:
    """A mask with every prunable layer, `(*layer)`; what it did not name is kept whole.

    The layers come in the network's order.

    Raises:
        MaskMismatchError: it is not of this network.
    """
    missing = [layer for layer in network.layers if layer.name not in mask]
    found = full_mask(missing) | dict(mask)
    prunable = {layer.name: layer.shape for layer in network.layers}
    for name, keep in found.items():
        if prunable.get(name) != tuple(keep.shape) or keep.dtype != torch.bool:
            raise MaskMismatchError(
                f"The mask of {name!r} does not fit a prunable layer of the network.",
                "Use the mask with the network that it was made for.",
            )
    return {layer.name: found[layer.name] for layer in network.layers}


def curve_records(content: BundleContent) -> list[CurveRecord]:
    """Every curve, by level, tickets first, then by control and trial."""
    tickets = [
        CurveRecord(
            level=level.index, trial=trial.index, control=TICKET, backend=backend, curves=curves
        )
        for level in content.levels
        for trial, curves, backend in zip(
            content.trials, level.curves, level.backends, strict=bool(level.curves)
        )
    ]
    return sorted(
        [*tickets, *content.controls],
        key=lambda each: (each.level, "" if each.control == TICKET else each.control, each.trial),
    )


def manifest(
    content: BundleContent,
    network: Signature,
    levels: tuple[LevelRecord, ...],
    theta0: tuple[Theta0, int | None],
    family: int,
) -> Manifest:
    """The manifest, still without its list of files.

    Args:
        theta0: its form, and the level whose survivors it has, where it has those only.
        family: how many comparisons the verdicts were corrected for together.
    """
    record = NetworkRecord.of(content.architecture)
    metric = ACCURACY if content.own is None else content.own.metric
    layers = layer_records(network.layers, content.recipe.pruning)
    found = Manifest(
        id=bundle_id(record, content.data.fingerprint, levels),
        recipe=content.recipe,
        architecture=record,
        layers=layers,
        data=content.data,
        environment=dict(content.environment),
        bit_exact=content.bit_exact,
        lineage=content.lineage,
        theta0=theta0[0],
        theta0_level=theta0[1],
        trials=tuple(
            TrialRecord(index=trial.index, seed=trial.seed, start=trial.start)
            for trial in content.trials
        ),
        levels=levels,
        default=summary.choose(levels, content.trials[0].index, metric),
        files={},
        family=family,
        plugins=content.plugins,
        own=content.own,
        reference=content.reference,
    )
    return without_placeholders(found)
