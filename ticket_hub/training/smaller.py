"""Which members are trained as smaller networks, and why others are not."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import nn

from ticket_hub.data import DataSet
from ticket_hub.errors import NetworkError, RecipeError
from ticket_hub.networks import blank_module, build
from ticket_hub.networks.passing import blank_inputs, takes_tokens
from ticket_hub.pruning.masks import masked
from ticket_hub.pruning.structure import is_of_units
from ticket_hub.recipe import TrainingSpec
from ticket_hub.structured.small import Left, build_small, left_of
from ticket_hub.training.choice import takes_units
from ticket_hub.training.member import Member
from ticket_hub.training.plain import kept_random_state
from ticket_hub.training.small import Small
from ticket_hub.types import Architecture

__all__ = ["made_smaller"]

CLOSE = 1e-4
"""Of the largest output: how far apart both networks' outputs may be in float32."""


def made_smaller(
    architecture: Architecture, training: TrainingSpec, data: DataSet, members: Sequence[Member]
) -> tuple[list[Member], list[str]]:
    """Give members what is left of the network, where the smaller one is to be trained.

    These are the members whose masks are of whole units, where the table of backends has a line
    for them, and all where the recipe forces the backend.

    Returns:
        The members, and one sentence for each reason why some are trained with their zeros.

    Raises:
        RecipeError: the backend is forced, and cannot train the network.
        MaskMismatchError: a mask is not of the network.
    """
    forced = training.backend == Small.name
    asked = forced or takes_units(blank_module(architecture), training, data)
    made: list[Member] = []
    reasons: dict[str, None] = {}
    for member in members if asked else ():
        if not (forced or is_of_units(member.mask)):
            made.append(member)
            continue
        try:
            left = left_of(architecture, member.mask, fed=True)
            _try(architecture, data, member, left, exact=not forced)
            made.append(dataclasses.replace(member, left=left))
        except NetworkError as error:
            if forced:
                raise RecipeError(
                    f"The backend {Small.name!r} cannot train this network: {error.problem}",
                    "Set training.backend = 'auto', which trains it with its zeros.",
                ) from error
            reasons[f"Removed units are trained as zeros: {error.problem}"] = None
            made.append(member)
    return made or list(members), list(reasons)


@torch.no_grad()
def _try(
    architecture: Architecture, data: DataSet, member: Member, left: Left, *, exact: bool
) -> None:
    """See on two random examples that the smaller network computes what the masked one does.

    Args:
        exact: refuse networks that draw random numbers, too, which both would draw differently.

    Raises:
        NetworkError: it does not.
    """
    weights = masked(member.weights, member.mask)
    with torch.device("cpu"):
        whole = build(architecture).eval()
        whole.load_state_dict(weights)
        inputs = blank_inputs(whole, (2, *data.input_shape))
    generator = torch.Generator().manual_seed(0)
    if takes_tokens(whole):
        inputs.random_(0, data.input_shape[0], generator=generator)
    else:
        inputs.normal_(generator=generator)
    try:
        with torch.device("cpu"):
            small = build_small(architecture, left, left.cut(weights)).eval()
        found = small(inputs)
    except (RuntimeError, TypeError, ValueError) as error:
        raise NetworkError(
            f"without its removed units {architecture.name!r} fails: {error}",
            "Let its forward pass take sizes from its layers.",
        ) from error
    expected = whole(inputs)
    largest = float(expected.abs().max().clamp(min=1e-30))
    # `not <=` and no `>`: a NaN on either side is a difference.
    if not float((found - expected).abs().max()) <= CLOSE * largest:
        raise NetworkError(
            f"without its removed units {architecture.name!r} computes something else.",
            "Let its outputs depend on its layers alone.",
        )
    if exact and _draws(whole, inputs):
        raise NetworkError(
            f"{architecture.name!r} draws random numbers in training, which a smaller layer would "
            "draw otherwise.",
            f"Set training.backend = {Small.name!r} to train it all the same.",
        )


def _draws(module: nn.Module, inputs: torch.Tensor) -> bool:
    with kept_random_state(inputs.device):
        before = torch.get_rng_state()
        module.train()(inputs)
        return not torch.equal(before, torch.get_rng_state())
