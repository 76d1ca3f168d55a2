"""All backends against PyTorch's own optimizers on one module, in float32 and in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.helpers.order import batch_indices
from tests.helpers.populations import (
    DENSE_LENETS,
    OPTIMIZERS,
    SPARSE_LENETS,
    network,
    population,
    spec,
)
from tests.helpers.sampling import sampled
from ticket_hub.data import DataSet, normalized
from ticket_hub.networks import build
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training import Member
from ticket_hub.training.choice import BACKENDS
from ticket_hub.training.schedules import learning_rate
from ticket_hub.types import Architecture

STEPS = {"lanes": 10}  # where pools choose the largest, rounding soon grows
CASES = [*DENSE_LENETS, ("lanes", "conv-2"), *SPARSE_LENETS]
# A small network with every optimizer, on every backend that trains one. Where a training takes
# seconds, one that steps along the gradient and one that scales it: the rules are the same code.
COSTLY = {"lenet-1000-300": {"momentum", "adam"}, "conv-2": {"nesterov", "adamw"}}
TRAINED = sampled(
    [(*case, optimizer) for case in CASES for optimizer in OPTIMIZERS],
    lambda _, name, optimizer: optimizer in COSTLY.get(name, OPTIMIZERS),
)


def _torch_optimizer(module: nn.Module, training: TrainingSpec) -> torch.optim.Optimizer:
    if training.optimizer == "sgd":
        return torch.optim.SGD(
            module.parameters(),
            lr=training.lr,
            momentum=training.momentum,
            nesterov=training.nesterov,
            weight_decay=training.weight_decay,
        )
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    return kind(
        module.parameters(),
        lr=training.lr,
        betas=(training.beta1, training.beta2),
        weight_decay=training.weight_decay,
    )


def reference(
    architecture: Architecture,
    data: DataSet,
    training: TrainingSpec,
    member: Member,
    steps: int,
) -> dict[str, Tensor]:
    """The same training in float64, masked by a product after each step."""
    module = build(architecture).double()
    module.load_state_dict(dict(member.weights))
    parameters = dict(module.named_parameters())
    optimizer = _torch_optimizer(module, training)

    def apply_mask() -> None:
        with torch.no_grad():
            for name, keep in member.mask.items():
                parameters[name].mul_(keep)

    apply_mask()
    for step in range(steps):
        chosen = batch_indices(
            member.seed, member.level, step, training.batch_size, len(data.train)
        )
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(training, step)
        optimizer.zero_grad()
        images = normalized(data.train.inputs[chosen], data).double()
        functional.cross_entropy(module(images), data.train.labels[chosen]).backward()
        for name, keep in member.mask.items():
            gradient = parameters[name].grad
            assert gradient is not None
            gradient.mul_(keep)
        optimizer.step()
        apply_mask()
    return {name: value.detach() for name, value in module.state_dict().items()}


@pytest.mark.parametrize(("backend", "name", "optimizer"), TRAINED)
def test_each_backend_trains_as_the_optimizers_of_pytorch_do(
    backend: str, name: str, optimizer: str, digits: DataSet
) -> None:
    architecture = network(digits, name)
    members = population(architecture, 2, density=0.6)
    training = spec(
        batch_size=50,
        schedule="milestones",
        milestones=(20, 40),
        warmup=5,
        **OPTIMIZERS[optimizer],
    )
    engine = BACKENDS[backend](architecture, digits, training, members)
    steps = STEPS.get(backend, 50)
    engine.train(steps)
    for member, weights in zip(members, engine.weights(), strict=True):
        exact = reference(architecture, digits, training, member, steps)
        for layer, value in exact.items():
            moved = (value - member.weights[layer].double()).norm()
            assert (weights[layer].double() - value).norm() < 0.01 * moved, layer


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_readings_are_the_mean_loss_and_accuracy_of_the_weights(
    backend: str, name: str, digits: DataSet
) -> None:
    architecture = network(digits, name)
    members = population(architecture, 3, density=0.6)
    engine = BACKENDS[backend](architecture, digits, spec(), members)
    engine.train(5)
    found = engine.evaluate(digits.test)
    for weights, (loss, accuracy) in zip(engine.weights(), found.tolist(), strict=True):
        module = build(architecture).double().eval()
        module.load_state_dict(dict(weights))
        with torch.no_grad():
            logits = module(normalized(digits.test.inputs, digits).double())
        exact = functional.cross_entropy(logits, digits.test.labels)
        assert loss == pytest.approx(float(exact), rel=1e-5)
        right = (logits.argmax(1) == digits.test.labels).double().mean()
        assert accuracy == pytest.approx(float(right), abs=2 / 300)
