"""What stands twice in a bundle must agree: the recipe, and what was made by it."""

from __future__ import annotations

from collections.abc import Iterator

from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.bundle.unknown import is_imported
from ticket_hub.errors import NetworkError, RecipeError
from ticket_hub.networks import architecture_for
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.recipe.pruning_spec import PruningSpec
from ticket_hub.recipe.spec import DataSpec, NetworkSpec, SearchSpec, last_level

__all__ = ["contradictions", "curve_contradiction"]


def contradictions(manifest: Manifest, *, registered: bool) -> Iterator[tuple[str, str]]:
    """Each claim that the recipe and the rest of a manifest both make, and how they disagree.

    What is not known contradicts nothing. A recipe that was only named for imported tickets says
    nothing about how many trials and levels there are, where they start, and their inputs.

    Args:
        registered: whether the network can be built here, so that options may be completed.

    Yields:
        The claim's name, and a sentence, which is empty where both agree.
    """
    recipe, imported = manifest.recipe, is_imported(manifest)
    if recipe.network is not None:
        yield "recipe's network", _network(recipe.network, manifest, registered=registered)
    if recipe.data is not None:
        yield "recipe's data", _data(recipe.data, manifest, imported=imported)
    if recipe.search is not None:
        yield "recipe's seeds", _seeds(recipe.search, manifest)
    if recipe.search is not None and not imported:
        yield "recipe's trials", _trials(recipe.search, manifest)
        yield "recipe's levels", _levels(recipe.search, recipe.pruning, manifest)
        yield "recipe's start", _start(recipe.search, manifest)


def curve_contradiction(manifest: Manifest, record: CurveRecord) -> str:
    """How a curve disagrees with the recipe's iterations; empty where it does not."""
    training, last = manifest.recipe.training, int(record.curves.iterations[-1])
    if training is None:
        return ""
    stops_early = training.patience > 0 or record.control != TICKET
    if last > training.iterations or not (stops_early or last == training.iterations):
        return (
            f"The recipe trains {training.iterations} iterations, but the curve of level "
            f"{record.level}, trial {record.trial} ends at {last}."
        )
    return ""


def _network(spec: NetworkSpec, manifest: Manifest, *, registered: bool) -> str:
    found = manifest.architecture.architecture()
    same = spec.name == found.name
    if same and registered:
        try:
            same = architecture_for(spec, found.input_shape, found.classes) == found
        except (NetworkError, RecipeError):
            same = False
    elif same:  # options that are left out have defaults that nobody here knows
        same = all(spec.options.get(key) == value for key, value in found.options)
    return "" if same else "The recipe is about another network than the tickets."


def _data(spec: DataSpec, manifest: Manifest, *, imported: bool) -> str:
    data, network = manifest.data, manifest.architecture
    if spec.name != data.name:
        return f"The recipe is about {spec.name!r}, but the evidence about {data.name!r}."
    texts = manifest.inputs == "text"
    fits = texts and network.width <= spec.size  # texts are cut, and may all be shorter
    if spec.size and not fits and (network.height, network.width) != (spec.size, spec.size):
        return f"The recipe scales images to {spec.size} pixels, and the network takes others."
    if data.mean is None or data.std is None:
        return ""
    if not len(data.mean) == len(data.std) == (1 if texts else network.channels):
        return "Mean and std of the data are not one for each channel."
    plain = (set(data.mean), set(data.std)) == ({0.0}, {1.0})
    if spec.normalize == "unit" and not plain and not imported:
        return "The recipe leaves pixels in [0, 1], but the data have another mean and std."
    return ""


def _seeds(spec: SearchSpec, manifest: Manifest) -> str:
    for trial in manifest.trials:
        if trial.seed not in {None, spec.seed + trial.index}:
            return (
                f"By the recipe trial {trial.index} has the seed {spec.seed + trial.index}, "
                f"but it says {trial.seed}."
            )
    return ""


def _trials(spec: SearchSpec, manifest: Manifest) -> str:
    found = [each.index for each in manifest.trials]
    whole = found == list(range(spec.trials))
    part = bool(manifest.lineage) and max(found) < spec.trials  # some tickets of another bundle
    return "" if whole or part else f"The recipe has {spec.trials} trials, but there are {found}."


def _levels(spec: SearchSpec, pruning: PruningSpec | None, manifest: Manifest) -> str:
    last, most = manifest.levels[-1].index, spec.levels
    if pruning is not None:
        most = last_level(vars(pruning), most)
    return "" if last <= most else f"The recipe ends at level {most}, but there is level {last}."


def _start(spec: SearchSpec, manifest: Manifest) -> str:
    for trial in manifest.trials:
        if trial.start != spec.rewind_step:
            return (
                f"The recipe starts tickets at iteration {spec.rewind_step}, but trial "
                f"{trial.index} starts at {trial.start}."
            )
    return ""
