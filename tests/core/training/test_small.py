"""What a mask of units leaves is trained as a smaller network, with the results of masked training.

The whole form of each state is compared: weights, statistics of norms, and all that optimizers
keep, those of removed units too.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.helpers.populations import OPTIMIZERS, assert_same, spec
from tests.helpers.units import units_mask
from ticket_hub.data import DataSet
from ticket_hub.errors import RecipeError, StoppedError
from ticket_hub.networks import architecture_for, blank_module, initialize, register_network
from ticket_hub.pruning import kept
from ticket_hub.pruning.structure import is_of_units
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.structured.dependencies import structure_of
from ticket_hub.training import Member, MemberState, train
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.training.choice import BACKENDS, choose
from ticket_hub.training.smaller import made_smaller
from ticket_hub.types import Architecture, LayerKind

KINDS: tuple[LayerKind, ...] = ("conv", "fc", "shortcut")


class Biased(nn.Module):
    """What enters its norms are the biases of removed filters, which decay; one norm averages."""

    def __init__(self, drop: float = 0.0, *, fixed: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 6, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(6, momentum=None)
        self.drop = nn.Dropout(drop)
        self.output = nn.Linear(6, 3)
        self.fixed = fixed

    def forward(self, images: Tensor) -> Tensor:
        values = self.norm1(self.first(images)).relu()
        if self.fixed:
            values = values.reshape(-1, 8, 8, 8)
        values = self.norm2(self.second(values)).relu().mean((2, 3))
        logits: Tensor = self.output(self.drop(values))
        return logits


register_network("biased")(lambda _: Biased())
register_network("biased-dropping")(lambda _: Biased(0.5))
register_network("biased-fixed")(lambda _: Biased(fixed=True))


def halved(name: str, data: DataSet, *, start: int = 0) -> tuple[Architecture, Member]:
    """A network and a member that has lost half of its units; norms and biases are not 0."""
    network = NetworkSpec(name=name, init="default")
    architecture = architecture_for(network, data.input_shape, data.classes)
    weights = {key: value.clone() for key, value in initialize(architecture, network, 1).items()}
    generator = torch.Generator().manual_seed(2)
    for value in weights.values():
        if value.ndim == 1 and value.is_floating_point():
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    pruning = PruningSpec(granularity="unit", rates=dict.fromkeys(KINDS, 0.5))
    mask = units_mask(architecture, pruning, weights)
    member = Member(name="trial-0", seed=1, level=1, weights=weights, mask=mask, start=start)
    return architecture, member


def distance(one: MemberState, other: MemberState) -> float:
    """The largest difference of two states, in all that they hold.

    Adam divides a gradient by its own size: where that is below 1e-7, which is rounding, the step
    is left out.
    """
    assert one.tensors.keys() == other.tensors.keys()
    found = []
    for name, value in one.tensors.items():
        apart = (value.double() - other.tensors[name].double()).abs()
        slope = one.tensors.get(name.replace("weights/", "exp_avg/"))
        if slope is not None and name.startswith("weights/"):
            apart = apart[slope.abs() >= 1e-7]
        found.append(float(apart.max()) if apart.numel() else 0.0)
    return max(found)


@pytest.mark.parametrize("name", ["conv-2", "resnet-8", "biased"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_gives_the_whole_state_of_masked_training(
    name: str, optimizer: str, colours: DataSet
) -> None:
    architecture, member = halved(name, colours)
    training = spec(**OPTIMIZERS[optimizer])
    masked, small = (
        BACKENDS[backend](architecture, colours, training, [member])
        for backend in ("lanes", "small")
    )
    before = small.states()[0]
    assert distance(masked.states()[0], before) == 0
    for backend in (masked, small):
        backend.train(1)
    # A norm's mean of 1,024 equal numbers in float32 is that number up to 1e-5.
    assert distance(masked.states()[0], small.states()[0]) <= (1e-5 if name == "biased" else 1e-6)
    assert distance(before, small.states()[0]) > 1e-4


def test_several_steps_move_the_statistics_of_removed_units_alike(colours: DataSet) -> None:
    architecture, member = halved("biased", colours)
    training = spec(**OPTIMIZERS["momentum"])
    masked, small = (
        BACKENDS[backend](architecture, colours, training, [member])
        for backend in ("lanes", "small")
    )
    for backend in (masked, small):
        backend.train(5)
    one, other = masked.weights()[0], small.weights()[0]
    removed = ~member.mask["first.weight"].flatten(1).any(1)
    assert removed.sum() == 4
    for name in ("first.bias", "norm1.weight", "norm1.running_mean", "norm1.running_var"):
        assert torch.allclose(one[name][removed], other[name][removed], rtol=1e-5), name
        assert not torch.equal(member.weights[name][removed], other[name][removed]), name
    assert int(other["norm2.num_batches_tracked"]) == int(one["norm2.num_batches_tracked"])


def test_fewer_numbers_are_trained(colours: DataSet) -> None:
    architecture, member = halved("resnet-8", colours)
    small = BACKENDS["small"](architecture, colours, spec(), [member])
    assert all(bool(keep.all()) for keep in small.lanes[0].member.mask.values())
    weights = small.lanes[0].member.weights
    assert sum(weights[name].numel() for name in member.mask) == kept(member.mask)


@pytest.mark.parametrize("start", [0, 4])
def test_rewound_members_and_readings_are_those_of_masked_training(
    start: int, colours: DataSet
) -> None:
    architecture, member = halved("resnet-8", colours, start=start)
    fields: dict[str, object] = {**OPTIMIZERS["momentum"], "iterations": 6, "evaluate_every": 2}
    one, other = (
        train(
            architecture,
            colours,
            spec(backend=backend, **fields),
            [member],
            workers=1,
            snapshots=(5,),
        )[0]
        for backend in ("lanes", "auto")
    )
    assert (one.backend, other.backend) == ("lanes", "small")
    assert one.curves.iterations.tolist() == other.curves.iterations.tolist()
    assert torch.allclose(one.curves.validation_loss, other.curves.validation_loss, atol=1e-4)
    for name, value in one.snapshots[5].items():
        assert value.shape == other.snapshots[5][name].shape
        assert torch.allclose(value, other.snapshots[5][name], atol=1e-4), name


def test_a_stopped_training_goes_on_to_the_same_bits(colours: DataSet, tmp_path: Path) -> None:
    architecture, member = halved("biased", colours)
    training = spec(iterations=40, evaluate_every=4, **OPTIMIZERS["adam"])
    whole = train(architecture, colours, training, [member], workers=1)[0]
    keeper = FolderKeeper(folder=tmp_path / "kept")
    asked: list[None] = []

    def should_stop() -> bool:
        asked.append(None)
        return len(asked) > 2

    with pytest.raises(StoppedError):
        train(
            *(architecture, colours, training, [member]),
            workers=1,
            keeper=keeper,
            should_stop=should_stop,
        )
    state = keeper.load("trial-0")
    assert state is not None
    assert 0 < state.iteration < 40
    resumed = train(architecture, colours, training, [member], workers=1, keeper=keeper)[0]
    assert_same(whole, resumed)


def test_a_checkpoint_of_masked_training_is_gone_on_with(colours: DataSet) -> None:
    architecture, member = halved("resnet-8", colours)
    training = spec(**OPTIMIZERS["momentum"])
    masked = BACKENDS["lanes"](architecture, colours, training, [member])
    masked.train(2)
    small = BACKENDS["small"](architecture, colours, training, [member])
    small.restore(masked.states())
    assert distance(small.states()[0], masked.states()[0]) == 0
    for backend in (masked, small):
        backend.train(3)
    assert distance(masked.states()[0], small.states()[0]) <= 1e-5


def test_single_weights_leave_nothing_out(colours: DataSet) -> None:
    """Forced on a mask of single weights, it removes what is dead on both sides alone."""
    architecture, member = halved("conv-2", colours)
    mask = {name: keep.clone() for name, keep in member.mask.items()}
    mask["features.0.weight"][:] = True  # units that nothing reads have inputs
    mask["hidden.0.weight"] &= torch.rand(mask["hidden.0.weight"].shape) < 0.5
    some = dataclasses.replace(member, mask=mask)
    training = spec(backend="small", **OPTIMIZERS["sgd"])
    small = BACKENDS["small"](architecture, colours, training, [some])
    masked = BACKENDS["lanes"](architecture, colours, training, [some])
    for backend in (masked, small):
        backend.train(1)
    assert distance(masked.states()[0], small.states()[0]) <= 1e-6
    assert len(small.lanes[0].member.mask["features.0.weight"]) == 64
    assert len(small.lanes[0].member.mask["features.2.weight"]) == 32


def test_masks_of_units_are_told_from_others(colours: DataSet) -> None:
    _, member = halved("resnet-8", colours)
    assert is_of_units(member.mask)
    assert not is_of_units({name: torch.ones_like(keep) for name, keep in member.mask.items()})
    one = {name: keep.clone() for name, keep in member.mask.items()}
    place = int(one["conv.weight"].flatten().nonzero()[0])
    one["conv.weight"].view(-1)[place] = False
    assert not is_of_units(one)


def test_the_table_takes_it_for_units_of_convolutions_alone(colours: DataSet) -> None:
    architecture, member = halved("conv-2", colours)
    module = blank_module(architecture)
    assert choose(module, spec(), colours, 0.25, units=True) == "small"
    assert choose(module, spec(), colours, 0.25) == "lanes"
    assert choose(module, spec(backend="lanes"), colours, 0.25, units=True) == "lanes"
    lenet, _ = halved("lenet-24", colours)
    assert choose(blank_module(lenet), spec(), colours, 0.25, units=True) != "small"
    dense = dataclasses.replace(member, mask={k: v | True for k, v in member.mask.items()})
    members, reasons = made_smaller(architecture, spec(), colours, [dense, member])
    assert [each.left is None for each in members] == [True, False]
    assert reasons == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("biased-dropping", "draws random numbers in training"),
        ("biased-fixed", "without its removed units 'biased-fixed' fails"),
    ],
)
def test_what_would_not_be_the_same_is_trained_with_its_zeros_and_the_reason_told(
    name: str, words: str, colours: DataSet
) -> None:
    architecture, member = halved(name, colours)
    told: list[str] = []
    training = spec(iterations=1, evaluate_every=1)
    done = train(architecture, colours, training, [member], workers=1, notify=told.append)
    assert done[0].backend == "lanes"
    assert len(told) == 1
    assert words in told[0]


def test_dropout_is_trained_small_where_it_is_asked_for(colours: DataSet) -> None:
    architecture, member = halved("biased-dropping", colours)
    training = spec(iterations=2, evaluate_every=2, backend="small")
    done = train(architecture, colours, training, [member], workers=1)
    assert done[0].backend == "small"


def test_a_forced_backend_that_cannot_is_refused(colours: DataSet) -> None:
    architecture, member = halved("biased-fixed", colours)
    with pytest.raises(RecipeError, match="cannot train this network: without its removed units"):
        train(architecture, colours, spec(backend="small"), [member], workers=1)


def test_without_torch_pruning_units_are_trained_as_zeros(
    colours: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture, member = halved("conv-2", colours)
    structure_of.cache_clear()
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch_pruning" else there(name)
    )
    told: list[str] = []
    training = spec(iterations=1, evaluate_every=1)
    done = train(architecture, colours, training, [member], workers=1, notify=told.append)
    assert done[0].backend == "lanes"
    assert told[0].startswith("Removed units are trained as zeros: torch-pruning must be installed")
    assert len(told) == 1
