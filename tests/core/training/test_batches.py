from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.helpers.order import batch_indices
from tests.helpers.populations import assert_same, network, population, spec
from ticket_hub.data import DataSet, Part, normalized
from ticket_hub.data.augmentation import augmented
from ticket_hub.data.preparation import split
from ticket_hub.errors import RecipeError
from ticket_hub.networks import blank_module, build
from ticket_hub.recipe import DataSpec, TrainingSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.training import order, train
from ticket_hub.training.batches import Batches
from ticket_hub.training.choice import choose
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
            batches.feed()
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


def test_each_order_is_shuffled_once_an_epoch_however_many_members_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shuffled: list[tuple[int, ...]] = []
    real = order._permutation

    def permutation(*key: int) -> Tensor:
        shuffled.append(key[:3])
        return real(*key)

    monkeypatch.setattr(order, "_permutation", permutation)
    orders = order.Orders(members(*((seed, 0) for seed in range(100))), batch_size=5, examples=40)
    epoch = 8
    for start in range(0, 3 * epoch, 4):
        table = orders.table(start, start + 4)
        assert torch.equal(table[1, 99], batch_indices(99, 0, start + 1, 5, 40))
    assert sorted(shuffled) == [(seed, 0, at) for seed in range(100) for at in range(3)]


def test_mixup_trains_on_pairs_and_on_both_labels(colours: DataSet) -> None:
    architecture = network(colours, "conv-2")
    training = spec(
        optimizer="sgd", lr=0.1, batch_size=9, mixup=0.4, iterations=3, evaluate_every=3
    )
    assert choose(blank_module(architecture), training, colours, 1.0) == "lanes"
    group = population(architecture, 2, density=1.0)
    for member, trained in zip(group, train(architecture, colours, training, group), strict=True):
        module = build(architecture)
        module.load_state_dict(member.weights)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        for iteration in range(3):
            chosen = batch_indices(member.seed, member.level, iteration, 9, len(colours.train))
            part = colours.train.take(chosen)
            images, labels = normalized(part.inputs, colours), part.labels
            seed = derive_seed(member.seed, "mixup", member.level, iteration)
            share = np.random.default_rng(seed).beta(0.4, 0.4)
            other = torch.tensor([1, 0, 3, 2, 5, 4, 7, 6, 8])
            targets = functional.one_hot(labels, colours.classes).float()
            mixed = share * targets + (1 - share) * targets[other]
            logits = module(share * images + (1 - share) * images[other])
            optimizer.zero_grad()
            functional.cross_entropy(logits, mixed).backward()
            optimizer.step()
        for name, value in module.state_dict().items():
            torch.testing.assert_close(trained.weights[name], value, atol=1e-5, rtol=1e-4)


def test_mixup_gives_the_same_bits_in_any_company(colours: DataSet) -> None:
    architecture = network(colours, "conv-2")
    training = spec(mixup=0.2, iterations=6, evaluate_every=2)
    group = population(architecture, 3)
    whole = train(architecture, colours, training, group)
    assert_same(train(architecture, colours, training, group[1:2])[0], whole[1])
    plain = dataclasses.replace(training, backend="plain")
    alone = train(architecture, colours, plain, group[2:])[0]
    assert_same(dataclasses.replace(alone, backend="lanes"), whole[2])
    without = train(architecture, colours, dataclasses.replace(training, mixup=0.0), group[:1])
    assert not torch.equal(without[0].weights["output.weight"], whole[0].weights["output.weight"])


def test_what_cannot_be_mixed_is_refused(digits: DataSet) -> None:
    module = blank_module(network(digits, "lenet-24-16"))
    with pytest.raises(RecipeError, match="The backend 'stack' cannot mix examples"):
        choose(module, spec(mixup=0.2, backend="stack"), digits, 1.0)
    assert choose(module, spec(mixup=0.2), digits, 1.0) == "plain"
