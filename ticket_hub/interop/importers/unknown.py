"""What is known of a source's network and data, and whether a recipe is about them."""

from __future__ import annotations

from ticket_hub.interop.importers.imported import Hints
from ticket_hub.interop.importers.refusals import refusal
from ticket_hub.networks import architecture_for
from ticket_hub.recipe import NetworkSpec, Recipe
from ticket_hub.types import Architecture

__all__ = ["architecture_of", "check_recipe"]

_DATA = {
    "mnist": ((1, 28, 28), 10),
    "fashion-mnist": ((1, 28, 28), 10),
    "emnist-letters": ((1, 28, 28), 26),
    "cifar10": ((3, 32, 32), 10),
    "cifar100": ((3, 32, 32), 100),
    "svhn": ((3, 32, 32), 10),
    "usps": ((1, 16, 16), 10),
    "usps-test": ((1, 16, 16), 10),
    "digits": ((1, 8, 8), 10),
}
"""Shape and classes of the published sets, which need not be on this machine to be imported for."""


def architecture_of(hints: Hints) -> Architecture:
    """The network that the user names, by a recipe or by its name.

    Raises:
        ImportRefusedError: neither was given, or shape or classes are missing.
        NetworkError: there is no such network.
    """
    if hints.options and not hints.network:
        raise refusal("Options of a network need its name.", "Give it with `--network`.")
    spec = None
    if hints.network:
        spec = NetworkSpec(name=hints.network, options=dict(hints.options))
    if spec is None and hints.recipe is None:
        raise refusal(
            "These files do not say which network they are of.",
            "Name a recipe, or a network with the shape and the classes of its images: "
            "`--network lenet-300-100 --input-shape 1x28x28 --classes 10`.",
        )
    shape, classes = _images(hints)
    if shape is None or classes is None:
        raise refusal(
            "The shape of the images or the number of classes is not known.",
            "Give both: `--input-shape 3x32x32 --classes 10`.",
        )
    if spec is None:
        assert hints.recipe is not None
        spec = hints.recipe.network
    return architecture_for(spec, shape, classes)


def _images(hints: Hints) -> tuple[tuple[int, int, int] | None, int | None]:
    shape, classes = hints.input_shape, hints.classes
    if hints.recipe is not None and hints.recipe.data.name in _DATA:
        data = hints.recipe.data
        (channels, height, width), known = _DATA[data.name]
        native = (channels, data.size or height, data.size or width)
        return shape or native, classes or known
    return shape, classes


def check_recipe(recipe: Recipe, architecture: Architecture) -> None:
    """Refuse a recipe that the user named for tickets of another network, or of other images.

    Raises:
        ImportRefusedError: the recipe's network, images or classes are not those of the tickets.
    """
    found = architecture_for(recipe.network, architecture.input_shape, architecture.classes)
    native, classes = _images(Hints(recipe=recipe))
    same = (native or found.input_shape, classes or found.classes)
    if found != architecture or same != (found.input_shape, found.classes):
        raise refusal(
            f"The recipe {recipe.name!r} is about {recipe.network.name!r} on "
            f"{recipe.data.name!r}, and these tickets are of {architecture.name!r} for images of "
            f"shape {architecture.input_shape} and {architecture.classes} classes.",
            "Name the recipe that they were found with, or none: the bundle then says that it is "
            "not known.",
        )
