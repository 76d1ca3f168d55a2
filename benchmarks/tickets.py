"""Real tickets to measure on: the ladder of a short search."""

from __future__ import annotations

import functools

from torch import Tensor

from ticket_hub.data import DataSet, load
from ticket_hub.home import data_folder
from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import full_mask, next_mask
from ticket_hub.recipe import DataSpec, NetworkSpec, PruningSpec, TrainingSpec
from ticket_hub.training import Member, train
from ticket_hub.types import Architecture

LEVELS = 23
STEPS = 1000  # of training before each pruning: survivors lie where training puts them


@functools.cache
def mnist() -> tuple[DataSet, Architecture]:
    """Real MNIST and LeNet-300-100."""
    data = load(DataSpec(name="mnist", normalize="standard"), data_folder())
    return data, architecture_for(NetworkSpec(name="lenet-300-100"), data.input_shape, 10)


@functools.cache
def ladder() -> tuple[Member, ...]:
    """One trial at every level: its initial weights and the mask that a short search found."""
    data, architecture = mnist()
    training = TrainingSpec(
        iterations=STEPS, batch_size=60, optimizer="adam", lr=1.2e-3, evaluate_every=STEPS
    )
    layers = outline(architecture).layers
    initial = initialize(architecture, NetworkSpec(name=architecture.name), 0)
    mask: dict[str, Tensor] = full_mask(layers)
    members = []
    for level in range(LEVELS):
        one = Member(name="trial-0", seed=0, level=level, weights=initial, mask=mask)
        members.append(one)
        trained = train(architecture, data, training, [one], workers=1)[0].weights
        mask = next_mask(PruningSpec(), layers, initial=initial, trained=trained, mask=mask, seed=0)
    return tuple(members)
