"""What a search will be, found without training: its network, data, ladder, and what it needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ticket_hub.data import DataSet, load
from ticket_hub.environment import choose_devices
from ticket_hub.errors import DataNotFoundError, RunMismatchError
from ticket_hub.estimate import Estimate, Shape, estimate_networks, shape_of
from ticket_hub.networks import architecture_for, blank_module, outline
from ticket_hub.pruning.coverage import layer_note
from ticket_hub.pruning.plan import groups, kept_at
from ticket_hub.recipe import Recipe
from ticket_hub.runs.folder import Header, RunFolder
from ticket_hub.search.imp import refuse_strange
from ticket_hub.search.ladder import Ladder
from ticket_hub.structured.dependencies import structure_for
from ticket_hub.training.choice import choose
from ticket_hub.training.optimizers import slot_names
from ticket_hub.training.settings import check_precision
from ticket_hub.types import Architecture, PrunableLayer

__all__ = ["Forecast", "forecast"]

FLOAT = 4
GENERATIONS = 2
"""Of checkpoints of each trial."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A search before it is made.

    Attributes:
        architecture: the network, as it was built on the meta device.
        examples: of the training, validation and test part; None where the data are not here yet.
        layers: what may be pruned, in the order of the network.
        kept: weights of the whole network that each level keeps, the dense one first.
        is_exact: whether every trial keeps so many; where units of all layers compete, about so.
        kept_by_layer: the same by layer, in the order of `layers`; None where layers compete, so
            that nobody knows it before they are trained.
        competes: by layer, whether it is ever pruned.
        levels_at_once: how many train as one population, where the memory allows it.
        about_cost: what an early search saves beside an iterative one; else empty.
        warnings: sentences about what is never pruned, and layers that will be all but empty.
        needs: memory and time.
        disk_bytes: of the run folder with its bundle, at most.
    """

    architecture: Architecture
    examples: tuple[int, int, int] | None
    layers: tuple[PrunableLayer, ...]
    kept: tuple[int, ...]
    is_exact: bool
    kept_by_layer: tuple[tuple[int, ...], ...] | None
    competes: tuple[bool, ...]
    levels_at_once: int
    about_cost: str
    warnings: tuple[str, ...]
    needs: Estimate
    disk_bytes: int


def forecast(
    recipe: Recipe,
    run_folder: Path,
    *,
    data_dir: Path | str | None = None,
    device: str | None = None,
) -> Forecast:
    """Check a search as far as it can be without training, and say what it will be.

    The data are read if they are on this machine; nothing is downloaded, and nothing written.

    Raises:
        DataError: the data cannot be used, or are neither here nor published.
        NetworkError: the network does not exist, or cannot take such images.
        PruningError: there is nothing to prune, or most would stay whole without being said.
        RecipeError: the forced backend or precision cannot be had.
        RunError: the run folder holds something else, or a run of another recipe or other data.
        TrainingError: there is no such device.
    """
    place = choose_devices(device)[0]
    check_precision(recipe.training, place)
    folder = RunFolder(run_folder)
    refuse_strange(folder)
    header = folder.open(recipe)
    data = _data(recipe, data_dir)
    _refuse_other_data(recipe, folder, header, data)
    shape = _shape(recipe, data)
    architecture = architecture_for(
        recipe.network, (shape.channels, shape.height, shape.width), shape.classes
    )
    if data is not None:
        choose(blank_module(architecture), recipe.training, data.to(place), 1.0)
    found = outline(architecture)
    ladder = Ladder(
        pruning=recipe.pruning,
        search=recipe.search,
        layers=found.layers,
        structure=structure_for(recipe.pruning, architecture),
        unmarked=found.unmarked,
    )
    counts = ladder.counts
    if header is None:
        ladder.check()
    by_layer = _by_layer(ladder)
    trials, levels = recipe.search.trials, ladder.networks
    # Of one trial: its levels, checkpoints of one in training, and the bundle.
    state, bits = found.numbers * FLOAT, found.prunable // 8
    checkpoints = GENERATIONS * state * (1 + len(slot_names(recipe.training)))
    bundle = levels * bits + 2 * state  # theta0 and, of one of them, the model
    return Forecast(
        architecture=architecture,
        examples=None if data is None else (len(data.train), len(data.validation), len(data.test)),
        layers=found.layers,
        kept=counts,
        is_exact=ladder.is_exact,
        kept_by_layer=by_layer,
        competes=_competing(ladder, by_layer),
        levels_at_once=ladder.levels_at_once,
        about_cost=ladder.about_cost,
        warnings=(
            *ladder.never_pruned,
            *_about(ladder),
            *_thin(found.layers, counts, by_layer),
        ),
        needs=_needs(recipe, architecture, shape, ladder),
        disk_bytes=trials * (levels * state + checkpoints + bundle),
    )


def _needs(recipe: Recipe, architecture: Architecture, shape: Shape, ladder: Ladder) -> Estimate:
    """Memory and time of the whole search; pictures that stay on disk take none."""
    trials = recipe.search.trials
    return estimate_networks(
        architecture,
        recipe.training,
        None if recipe.data.storage == "disk" else shape,
        networks=trials * ladder.networks,
        at_once=trials * ladder.levels_at_once,
    )


def _competing(ladder: Ladder, by_layer: tuple[tuple[int, ...], ...] | None) -> tuple[bool, ...]:
    """By layer, whether any level drops of its weights."""
    ranked = {
        name
        for group in groups(ladder.pruning, ladder.layers, ladder.structure)
        for name in group.names
    }
    if by_layer is not None:  # the columns of units go from layers that have none of their own
        columns = zip(ladder.layers, by_layer[-1], strict=True)
        ranked |= {layer.name for layer, kept in columns if kept < layer.size}
    return tuple(layer.name in ranked and ladder.last > 0 for layer in ladder.layers)


def _refuse_other_data(
    recipe: Recipe, folder: RunFolder, header: Header | None, data: DataSet | None
) -> None:
    """Refuse to go on with a run whose data have changed, as far as both are known here."""
    if data is not None and header is not None and data.fingerprint != header.data.fingerprint:
        raise RunMismatchError(
            f"{folder.path} was begun with other data of {recipe.data.name}.",
            "Restore the data set, or begin a new run in another folder.",
        )


def _data(recipe: Recipe, data_dir: Path | str | None) -> DataSet | None:
    """The data, or None where they are known to exist elsewhere and would be downloaded."""
    try:
        return load(recipe.data, data_dir, fetch=None)
    except DataNotFoundError:
        if shape_of(recipe.data.name) is None:
            raise
        return None


def _shape(recipe: Recipe, data: DataSet | None) -> Shape:
    if data is not None:
        channels, height, width = data.input_shape
        examples = len(data.train) + len(data.validation) + len(data.test)
        return Shape(examples, channels, height, width, data.classes)
    known = shape_of(recipe.data.name)
    assert known is not None, "data that are not here are published"
    side = recipe.data.size
    return dataclasses.replace(known, height=side, width=side) if side else known


def _by_layer(ladder: Ladder) -> tuple[tuple[int, ...], ...] | None:
    rows = []
    for level in range(ladder.last + 1):
        known = kept_at(ladder.pruning, ladder.layers, level, ladder.structure)
        if isinstance(known, int):
            return None
        rows.append(tuple(known[layer.name] for layer in ladder.layers))
    return tuple(rows)


def _about(ladder: Ladder) -> Iterator[str]:
    """That the weights of each level are not known beforehand, where they are not."""
    if not ladder.is_exact:
        yield (
            "Units of all layers compete in one ranking: the weights of a level are what would be "
            "left if each layer lost the same share."
        )


def _thin(
    layers: tuple[PrunableLayer, ...],
    counts: tuple[int, ...],
    by_layer: tuple[tuple[int, ...], ...] | None,
) -> Iterator[str]:
    """A sentence for each layer that the ladder will all but empty, at the first level where."""
    for place, layer in enumerate(layers):
        for level, row in enumerate(by_layer or ()):
            note = layer_note(layer.shape, row[place], counts[level] / counts[0])
            if note:
                yield (
                    f"From level {level} on, {layer.name} keeps {row[place]:,} of {layer.size:,} "
                    f"weights or fewer: {note}."
                )
                break
