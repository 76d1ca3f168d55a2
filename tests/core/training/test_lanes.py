"""Networks with statistics, dropout and augmentation."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.helpers.order import batch_indices
from tests.helpers.populations import assert_same, network, population, spec
from ticket_hub.data import Augmentation, DataSet, normalized
from ticket_hub.networks import build
from ticket_hub.training import train
from ticket_hub.training.choice import BACKENDS


def test_each_member_has_its_own_statistics(colours: DataSet) -> None:
    architecture, training = network(colours, "resnet-8"), spec()
    members = population(architecture, 2)
    engine = BACKENDS["lanes"](architecture, colours, training, members)
    engine.train(1)
    for member, weights in zip(members, engine.weights(), strict=True):
        module = build(architecture)
        start = {
            k: v * member.mask[k] if k in member.mask else v for k, v in member.weights.items()
        }
        module.load_state_dict(start)
        chosen = batch_indices(member.seed, member.level, 0, 16, len(colours.train))
        module.train()(normalized(colours.train.inputs[chosen], colours))
        for name, value in module.state_dict().items():
            if "running" in name or "num_batches" in name:
                torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=1e-6)


def test_an_evaluation_changes_no_statistics(colours: DataSet) -> None:
    architecture = network(colours, "resnet-8")
    engine = BACKENDS["lanes"](architecture, colours, spec(), population(architecture, 1))
    engine.train(2)
    before = engine.weights()[0]
    engine.evaluate(colours.validation)
    for name, value in engine.weights()[0].items():
        assert torch.equal(before[name], value)


@pytest.mark.usefixtures("forked_processes")
@pytest.mark.parametrize("options", [{}, {"dropout": 0.5}])
def test_members_with_convolutions_and_dropout_match_members_trained_alone(
    options: dict[str, float], colours: DataSet
) -> None:
    architecture = network(colours, "conv-2", **options)
    members, training = population(architecture, 3), spec(iterations=8, evaluate_every=4)
    together = train(architecture, colours, training, members, workers=2)
    assert together[0].backend == "lanes"
    torch.manual_seed(5)
    state = torch.get_rng_state()
    for member, result in zip(members, together, strict=True):
        assert_same(train(architecture, colours, training, [member])[0], result)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_is_drawn_anew_for_each_step(digits: DataSet) -> None:
    wet, dry = network(digits, "lenet-24-16", dropout=0.5), network(digits, "lenet-24-16")
    (member,) = population(wet, 1)
    results = [train(a, digits, spec(backend="plain"), [member])[0] for a in (wet, dry)]
    assert not torch.equal(results[0].weights["output.weight"], results[1].weights["output.weight"])


@pytest.mark.parametrize("backend", ["stack", "plain", "vmap"])
def test_augmented_images_are_what_a_step_sees(backend: str, digits: DataSet) -> None:
    moved = dataclasses.replace(digits, spec=dataclasses.replace(digits.spec, flip=True, crop=2))
    architecture = network(moved, "lenet-24-16")
    (member,) = population(architecture, 1, density=1.0)
    training = spec(optimizer="sgd", lr=0.1)
    engine = BACKENDS[backend](architecture, moved, training, [member])
    engine.train(1)
    chosen = batch_indices(member.seed, member.level, 0, 16, len(moved.train))
    augment = Augmentation(moved.spec, [(member.seed, member.level)], "cpu")
    images = augment(moved.train.inputs[chosen][None], chosen[None], 0)[0]
    module = build(architecture)
    module.load_state_dict(dict(member.weights))
    loss = torch.nn.functional.cross_entropy(
        module(normalized(images, moved)), moved.train.labels[chosen]
    )
    loss.backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None
        expected = parameter.detach() - 0.1 * parameter.grad
        torch.testing.assert_close(engine.weights()[0][name], expected, rtol=1e-4, atol=1e-6)
