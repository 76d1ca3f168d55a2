"""The way of one population from start to end: readings, stops, checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import nn

from tests.helpers.populations import assert_same, network, population, spec
from ticket_hub.data import DataSet, normalized
from ticket_hub.errors import DivergedError, NetworkError, RecipeError, StoppedError
from ticket_hub.networks import blank_module, register_factory
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training import Member, MemberState, Progress, Trained, train
from ticket_hub.training.pace import CheckpointClock
from ticket_hub.training.sample import train_sample
from ticket_hub.types import Architecture


@dataclass
class StateStore:
    """A keeper in memory that can be told to stop the training at a checkpoint."""

    states: dict[str, MemberState] = field(default_factory=dict)
    saves: int = 0

    def load(self, member: str) -> MemberState | None:
        return self.states.get(member)

    def save(self, member: str, state: MemberState) -> None:
        self.states[member] = state
        self.saves += 1


@dataclass
class Lab:
    """A small population that each test trains in its own way."""

    data: DataSet
    architecture: Architecture
    members: list[Member]

    def train(self, training: TrainingSpec, **options: object) -> list[Trained]:
        return train(self.architecture, self.data, training, self.members, **options)  # type: ignore[arg-type]


@pytest.fixture
def lab(
    digits: DataSet,
) -> Lab:
    architecture = network(digits, "lenet-24-16")
    return Lab(digits, architecture, population(architecture, 3))


def test_readings_are_taken_on_the_grid_and_at_both_ends(lab: Lab) -> None:
    result = lab.train(spec(iterations=25))[0]
    assert result.curves.iterations.tolist() == [0, 10, 20, 25]
    lab.members = [replace(member, start=7) for member in lab.members]
    result = lab.train(spec(iterations=25))[0]
    assert result.curves.iterations.tolist() == [7, 10, 20, 25]


def test_training_makes_the_loss_fall(lab: Lab) -> None:
    for result in lab.train(spec(iterations=200, evaluate_every=50)):
        assert result.curves.validation_loss[-1] < 0.5 * result.curves.validation_loss[0]
        assert result.curves.test_accuracy[-1] > 0.7


def test_snapshots_hold_the_weights_of_their_iteration(lab: Lab) -> None:
    training = spec()
    result = lab.train(training, snapshots=[0, 15])[1]
    short = lab.train(spec(iterations=15))[1]
    for name, value in short.weights.items():
        assert torch.equal(result.snapshots[15][name], value)
    mask = lab.members[1].mask["hidden.0.weight"]
    start = lab.members[1].weights["hidden.0.weight"] * mask
    assert torch.equal(result.snapshots[0]["hidden.0.weight"], start)


@pytest.mark.parametrize("backend", ["stack", "plain"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_training_that_is_stopped_and_resumed_gives_the_same_bits(
    lab: Lab, backend: str, optimizer: str
) -> None:
    momentum = 0.9 if optimizer == "sgd" else 0.0
    training = spec(
        backend=backend, optimizer=optimizer, momentum=momentum, weight_decay=1e-3, warmup=7
    )
    undisturbed = lab.train(training, snapshots=[5, 25])
    store, seen = StateStore(), list[Progress]()
    for limit in range(0, 15, 2):
        try:
            resumed = lab.train(
                training,
                snapshots=[5, 25],
                keeper=store,
                observe=seen.append,
                should_stop=lambda limit=limit: len(seen) > limit,
            )
            break
        except StoppedError:
            assert store.states
    else:
        resumed = lab.train(training, snapshots=[5, 25], keeper=store)
    for one, other in zip(undisturbed, resumed, strict=True):
        assert_same(one, other)
        assert one.snapshots.keys() == other.snapshots.keys() == {5, 25}


@pytest.mark.parametrize("stop", [1, 9, 10, 11, 39])
@pytest.mark.parametrize("backend", ["stack", "plain"])
def test_a_backend_goes_on_bit_for_bit_from_any_iteration(
    lab: Lab, stop: int, backend: str
) -> None:
    from ticket_hub.training.choice import BACKENDS

    training = spec(backend=backend, weight_decay=1e-3)
    kind = BACKENDS[backend]
    whole, first, second = (
        kind(lab.architecture, lab.data, training, lab.members) for _ in range(3)
    )
    whole.train(40)
    first.train(stop)
    second.restore(first.states())
    assert second.iteration == stop
    second.train(40)
    for one, other in zip(whole.weights(), second.weights(), strict=True):
        for name, value in one.items():
            assert torch.equal(value, other[name])


def test_checkpoints_are_saved_on_the_way(lab: Lab) -> None:
    store = StateStore()
    lab.train(spec(iterations=300), keeper=store, checkpoint_seconds=0.0)
    assert store.saves >= 3
    assert all(0 < state.iteration <= 300 for state in store.states.values())


@pytest.mark.parametrize("test", ["curve", "chosen"])
def test_a_member_that_was_through_is_not_trained_again(lab: Lab, test: str) -> None:
    through = lab.train(spec(test=test))
    store = StateStore({m.name: _state(done) for m, done in zip(lab.members, through, strict=True)})
    news: list[Progress] = []
    again = lab.train(spec(test=test), keeper=store, observe=news.append)
    assert news == []
    for one, other in zip(again, through, strict=True):
        assert_same(one, other)


def _state(done: Trained) -> MemberState:
    """What a checkpoint at the last iteration knows; the optimizer has no say any more."""
    kinds = ("weights", "exp_avg", "exp_avg_sq")
    curves = done.curves
    chosen = int(curves.iterations[curves.early_stop])
    return MemberState(
        iteration=done.iterations,
        tensors={f"{kind}/{name}": w for kind in kinds for name, w in done.weights.items()},
        readings=curves.columns,
        snapshots={chosen: done.weights} if chosen == done.iterations else {},
    )


def test_a_checkpoint_is_due_after_the_interval_and_at_the_end_of_five_seconds() -> None:
    now = 0.0
    clock = CheckpointClock(60.0, lambda: now)
    assert not clock.due_at_the_end()
    now = 5.0
    assert clock.due_at_the_end()
    assert not clock.due()
    now = 60.0
    assert clock.due()


def test_checkpoints_that_are_expensive_come_so_rarely_that_they_cost_two_percent() -> None:
    now = 0.0
    clock = CheckpointClock(60.0, lambda: now)
    clock.saved(cost=2.0)
    now = 99.0
    assert not clock.due()
    assert not clock.due_at_the_end()
    now = 100.0
    assert clock.due()
    assert clock.due_at_the_end()


def test_without_patience_left_a_member_stops_and_the_others_go_on(lab: Lab) -> None:
    training = spec(iterations=600, lr=3e-2, patience=40)
    together = lab.train(training)
    assert len({result.iterations for result in together}) > 1
    for result, member in zip(together, lab.members, strict=True):
        curves = result.curves
        best = int(curves.iterations[curves.early_stop])
        assert result.iterations == curves.iterations[-1]
        assert result.iterations in {best + 40, 600}
        assert_same(result, train(lab.architecture, lab.data, training, [member])[0])


def test_the_test_set_can_be_read_at_the_chosen_iteration_alone(lab: Lab) -> None:
    fields = {"iterations": 300, "lr": 3e-2}
    always = lab.train(spec(**fields))
    once = lab.train(spec(**fields, test="chosen"))
    for full, sparse in zip(always, once, strict=True):
        at = full.curves.early_stop
        assert sparse.curves.early_stop == at
        read = ~sparse.curves.test_loss.isnan()
        assert read.nonzero().flatten().tolist() == [at]
        assert sparse.curves.test_accuracy[at] == full.curves.test_accuracy[at]
        assert torch.equal(sparse.curves.validation_loss, full.curves.validation_loss)


@pytest.mark.parametrize(("wanted", "test"), [(50, "curve"), (50, "chosen"), (10**6, "curve")])
def test_training_examples_are_read_too_and_change_nothing(
    lab: Lab, wanted: int, test: str
) -> None:
    without, training = lab.train(spec(test=test)), spec(test=test, train_sample=wanted)
    store, seen = StateStore(), list[Progress]()
    with pytest.raises(StoppedError):
        lab.train(training, keeper=store, observe=seen.append, should_stop=lambda: len(seen) > 3)
    sample = train_sample(lab.data, training)
    assert sample is not None
    assert len(sample) == min(wanted, len(lab.data.train))
    for one, other in zip(without, lab.train(training, keeper=store), strict=True):
        assert one.curves.train_loss is None
        unread = replace(other.curves, train_loss=None, train_accuracy=None)
        assert_same(one, replace(other, curves=unread))
        module = blank_module(lab.architecture).to_empty(device="cpu")
        module.load_state_dict(other.weights)
        with torch.no_grad():
            logits = module(normalized(sample.inputs, lab.data))
        loss = torch.nn.functional.cross_entropy(logits, sample.labels)
        assert other.curves.train_loss is not None
        assert other.curves.train_accuracy is not None
        assert len(other.curves.train_loss) == len(other.curves.iterations)
        assert float(other.curves.train_loss[-1]) == pytest.approx(float(loss), rel=1e-5)
        right = (logits.argmax(1) == sample.labels).double().mean()
        assert float(other.curves.train_accuracy[-1]) == pytest.approx(float(right))


def test_the_chosen_reading_survives_a_stop(lab: Lab) -> None:
    training = spec(iterations=300, lr=3e-2, test="chosen")
    undisturbed = lab.train(training)
    store, seen = StateStore(), list[Progress]()
    with pytest.raises(StoppedError):
        lab.train(
            training,
            keeper=store,
            observe=seen.append,
            should_stop=lambda: len(seen) > 75,
        )
    resumed = lab.train(training, keeper=store)
    for one, other in zip(undisturbed, resumed, strict=True):
        assert torch.equal(
            one.curves.test_loss.nan_to_num(-1), other.curves.test_loss.nan_to_num(-1)
        )
        assert one.snapshots.keys() == other.snapshots.keys() == set()


def test_a_loss_that_is_not_finite_names_the_member_and_the_iteration(lab: Lab) -> None:
    broken = {name: value.clone() for name, value in lab.members[1].weights.items()}
    broken["output.bias"][3] = torch.inf
    lab.members[1] = replace(lab.members[1], weights=broken)
    store = StateStore()
    with pytest.raises(DivergedError, match="trial-1 at iteration 0"):
        lab.train(spec(), keeper=store)
    assert set(store.states) == {"trial-0", "trial-2"}


def test_two_members_of_one_name_are_refused(lab: Lab) -> None:
    lab.members = [lab.members[0], lab.members[0]]
    with pytest.raises(RecipeError, match="share a name"):
        lab.train(spec())


def test_stopping_without_a_keeper_says_that_nothing_is_kept(lab: Lab) -> None:
    with pytest.raises(StoppedError, match="Nothing was kept"):
        lab.train(spec(), should_stop=lambda: True)


def test_nobody_is_trained_in_no_time(lab: Lab) -> None:
    lab.members = []
    assert lab.train(spec()) == []


@pytest.mark.parametrize("backend", ["vmap", "plain"])
def test_a_network_with_frozen_parameters_is_refused(lab: Lab, backend: str) -> None:
    def frozen() -> nn.Module:
        module = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
        module[1].requires_grad_(requires_grad=False)
        return module

    architecture = network(lab.data, register_factory(frozen))
    members = population(architecture, 1)
    with pytest.raises(NetworkError, match=r"'1\.weight' of .* is frozen"):
        train(architecture, lab.data, spec(backend=backend), members, workers=1)
