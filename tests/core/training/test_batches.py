from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.helpers.order import batch_indices
from ticket_hub.data import DataSet, Part, normalized
from ticket_hub.data.augmentation import augmented
from ticket_hub.data.dataset import split
from ticket_hub.recipe import DataSpec, TrainingSpec
from ticket_hub.training.batches import Batches
from ticket_hub.training.member import Member

TRAINING = TrainingSpec(iterations=40, batch_size=8, optimizer="sgd", lr=0.1)
EPOCH = 5


def data_with(*, flip: bool, crop: int) -> DataSet:
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (60, 3, 6, 6), generator=generator, dtype=torch.uint8)
    part = Part(inputs=images, labels=torch.arange(60) % 4)
    spec = DataSpec(name="any", normalize="standard", flip=flip, crop=crop, validation=20)
    return split(spec, part, part, 4)


def members(*streams: tuple[int, int]) -> list[Member]:
    return [
        Member(name=f"m{seed}", seed=seed, level=level, weights={}, mask={})
        for seed, level in streams
    ]


def seen(data: DataSet, group: list[Member], start: int, stop: int) -> list[tuple[Tensor, Tensor]]:
    batches = Batches(data, TRAINING, group)
    found = []
    while start < stop:
        steps = batches.load(start, stop)
        for _ in range(steps):
            found.append(batches.inputs())
            batches.advance()
        start += steps
    return found


@pytest.mark.parametrize(("flip", "crop"), [(True, 2), (True, 0), (False, 2), (False, 0)])
def test_a_step_sees_its_examples_augmented_and_normalized(flip: bool, crop: int) -> None:  # noqa: FBT001 - a case
    data = data_with(flip=flip, crop=crop)
    group = members((1, 0), (7, 3))
    for iteration, (images, labels) in enumerate(seen(data, group, 0, 4 * EPOCH)):
        for place, member in enumerate(group):
            chosen = batch_indices(member.seed, member.level, iteration, 8, len(data.train))
            moved = augmented(
                data.train.inputs[chosen],
                chosen,
                data.spec,
                seed=member.seed,
                level=member.level,
                epoch=iteration // EPOCH,
            )
            assert torch.equal(images[place], normalized(moved, data))
            assert torch.equal(labels[place], data.train.labels[chosen])


def test_what_a_member_sees_depends_on_neither_the_stack_nor_where_it_resumes() -> None:
    data = data_with(flip=True, crop=2)
    whole = seen(data, members((1, 0), (7, 3)), 0, 20)
    resumed = seen(data, members((7, 3)), 13, 20)
    for (images, labels), (again, again_labels) in zip(whole[13:], resumed, strict=True):
        assert torch.equal(images[1:], again)
        assert torch.equal(labels[1:], again_labels)


def test_an_example_looks_different_in_another_epoch() -> None:
    data = data_with(flip=True, crop=2)
    spec = {"seed": 1, "level": 0}
    indices = torch.arange(len(data.train))
    first, second = (
        augmented(data.train.inputs, indices, data.spec, epoch=epoch, **spec) for epoch in (0, 1)
    )
    changed = (first != second).flatten(1).any(1)
    assert changed.double().mean() > 0.8
