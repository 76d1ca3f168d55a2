"""Gradients for criteria: against autograd in float64, on the examples that they promise."""

from __future__ import annotations

import torch
from torch.nn import functional

from ticket_hub.data import load, normalized
from ticket_hub.networks import architecture_for, build, initialize
from ticket_hub.recipe import DataSpec, NetworkSpec, TrainingSpec
from ticket_hub.training.slopes import EXAMPLES_PER_CLASS, _chosen, loss_gradients

TRAINING = TrainingSpec(iterations=1, batch_size=10, optimizer="sgd", lr=0.1)
DIGITS = load(DataSpec(name="digits", validation=200))


def test_ten_examples_of_each_class_are_drawn_by_the_seed() -> None:
    chosen = _chosen(DIGITS.train, 10, seed=3)
    assert torch.bincount(DIGITS.train.labels[chosen]).tolist() == [EXAMPLES_PER_CLASS] * 10
    assert chosen.unique().numel() == 100
    assert torch.equal(chosen, _chosen(DIGITS.train, 10, seed=3))
    assert not torch.equal(chosen, _chosen(DIGITS.train, 10, seed=4))


def test_they_are_those_of_the_mean_loss_with_running_statistics() -> None:
    spec = NetworkSpec(name="resnet-8", options={"width": 4})
    architecture = architecture_for(spec, DIGITS.input_shape, 10)
    weights = initialize(architecture, spec, 0)
    found = loss_gradients(architecture, DIGITS, TRAINING, weights, seed=3)
    module = build(architecture).double().eval()
    module.load_state_dict({name: value.double() for name, value in weights.items()})
    part = DIGITS.train.take(_chosen(DIGITS.train, 10, seed=3))
    logits = module(normalized(part.inputs, DIGITS).double())
    named = dict(module.named_parameters())
    true = torch.autograd.grad(functional.cross_entropy(logits, part.labels), [*named.values()])
    assert found.keys() == named.keys()
    for name, value in zip(named, true, strict=True):
        torch.testing.assert_close(found[name].double(), value, rtol=1e-3, atol=1e-6)
