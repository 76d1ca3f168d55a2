"""Training over survivors gives what dense training gives, whatever survives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeAlias

import pytest
import torch
from torch import Tensor

from ticket_hub.data import DataSet, Part
from ticket_hub.data.augmentation import augmented
from ticket_hub.errors import DataError, MaskMismatchError
from ticket_hub.networks import build, prunable_layers
from ticket_hub.recipe import DataSpec, TrainingSpec
from ticket_hub.training.member import Member
from ticket_hub.training.plain import Plain
from ticket_hub.training.sparse import SparseNumba, SparseTorch
from ticket_hub.types import Architecture, Mask, Weights

Kind: TypeAlias = type[SparseNumba] | type[SparseTorch]
Shape: TypeAlias = tuple[int, int, int]

SHAPE = (3, 5, 7)  # 105 pixels: a multiple of nothing that the kernels like
CLASSES = 7

both = pytest.mark.parametrize("kind", [SparseNumba, SparseTorch])


def random_part(examples: int, shape: Shape = SHAPE) -> Part:
    generator = torch.Generator().manual_seed(examples)
    images = torch.randint(0, 256, (examples, *shape), generator=generator, dtype=torch.uint8)
    labels = images.flatten(1)[:, :9].to(torch.int64).sum(1) // 330 % CLASSES
    return Part(inputs=images, labels=labels)


def data_set(normalize: Literal["unit", "standard"] = "unit", shape: Shape = SHAPE) -> DataSet:
    train = random_part(300, shape)
    pixels = train.inputs.float().div(255).transpose(0, 1).flatten(1)
    return DataSet(
        spec=DataSpec(name="random", normalize=normalize),
        train=train,
        validation=random_part(130, shape),
        test=random_part(65, shape),
        classes=CLASSES,
        mean=pixels.mean(1),
        std=pixels.std(1),
        fingerprint="",
    )


def lenet(name: str = "lenet-20-12", shape: Shape = SHAPE, **options: float) -> Architecture:
    return Architecture(
        name=name,
        options=tuple(options.items()),
        channels=shape[0],
        height=shape[1],
        width=shape[2],
        classes=CLASSES,
    )


def random_mask(architecture: Architecture, density: float, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        layer.name: torch.rand(layer.shape, generator=generator) < density
        for layer in prunable_layers(build(architecture))
    }


def member(
    architecture: Architecture, seed: int = 0, mask: Mask | None = None, start: int = 0
) -> Member:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        weights = dict(build(architecture).state_dict())
    if mask is None:
        mask = random_mask(architecture, 0.3, seed)
    return Member(name=f"trial-{seed}", seed=seed, level=3, weights=weights, mask=mask, start=start)


def spec(**changes: object) -> TrainingSpec:
    fields: dict[str, object] = {
        "iterations": 60,
        "batch_size": 60,
        "optimizer": "adam",
        "lr": 3e-3,
    }
    return TrainingSpec(**{**fields, **changes})  # type: ignore[arg-type]


def assert_agrees(
    kind: Kind,
    one: Member,
    training: TrainingSpec,
    architecture: Architecture | None = None,
    data: DataSet | None = None,
) -> None:
    """The sparse backend and the plain one give the same weights and readings up to rounding."""
    architecture, data = architecture or lenet(), data or data_set()
    sparse = kind(architecture, data, training, [one])
    plain = Plain(architecture, data, training, [one])
    for backend in (sparse, plain):
        backend.train(one.start + 20)
    assert_close(sparse.weights()[0], plain.weights()[0])
    for part in (data.validation, data.test):
        torch.testing.assert_close(
            sparse.evaluate(part), plain.evaluate(part), rtol=1e-5, atol=1e-6
        )
    assert_zero_where_pruned(sparse.weights()[0], one.mask)


def assert_close(ours: Weights, theirs: Weights) -> None:
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=2e-4, atol=2e-5)


def assert_zero_where_pruned(weights: Weights, mask: Mask) -> None:
    for name, keep in mask.items():
        assert torch.equal(weights[name][~keep], torch.zeros(int((~keep).sum())))


def assert_same_bits(ours: Weights, theirs: Weights) -> None:
    for name, value in theirs.items():
        assert torch.equal(ours[name], value)


@both
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"weight_decay": 1e-2},
        {"optimizer": "adamw", "weight_decay": 1e-1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6},
        {"optimizer": "sgd", "lr": 0.05},
        {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3},
        {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
        {"optimizer": "sgd", "lr": 0.05, "momentum": 0.5, "schedule": "cosine", "warmup": 6},
        {"schedule": "milestones", "milestones": (4, 11), "gamma": 0.3},
    ],
    ids=lambda changes: "-".join(changes) or "adam",
)
def test_every_optimizer_and_schedule_takes_the_steps_of_dense_training(
    kind: Kind, changes: dict[str, Any]
) -> None:
    assert_agrees(kind, member(lenet()), spec(**changes))


@both
@pytest.mark.parametrize("batch_size", [1, 60, 64, 100, 128, 1000])
def test_every_batch_size_takes_the_steps_of_dense_training(kind: Kind, batch_size: int) -> None:
    assert_agrees(kind, member(lenet()), spec(batch_size=batch_size))


@both
@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 1, 3), (1, 4, 4), (3, 5, 7)])
@pytest.mark.parametrize("normalize", ["unit", "standard"])
def test_every_image_size_and_normalization_is_read_as_it_is_in_dense_training(
    kind: Kind, shape: Shape, normalize: Literal["unit", "standard"]
) -> None:
    architecture = lenet(shape=shape)
    assert_agrees(
        kind,
        member(architecture),
        spec(),
        architecture=architecture,
        data=data_set(normalize, shape),
    )


@both
@pytest.mark.parametrize("name", ["lenet-9", "lenet-300-100", "lenet-8-7-6-5"])
def test_networks_of_every_depth_agree(kind: Kind, name: str) -> None:
    architecture = lenet(name)
    assert_agrees(kind, member(architecture), spec(), architecture=architecture)


@both
@pytest.mark.parametrize("layer", ["hidden.0.weight", "hidden.1.weight", "output.weight"])
def test_a_layer_without_any_survivor_leaves_its_biases_to_learn(kind: Kind, layer: str) -> None:
    mask = random_mask(lenet(), 0.3)
    mask[layer] = torch.zeros_like(mask[layer])
    assert_agrees(kind, member(lenet(), mask=mask), spec())


@both
def test_units_that_nobody_hears_or_that_hear_nobody_agree(kind: Kind) -> None:
    mask = random_mask(lenet(), 0.3)
    mask["hidden.0.weight"][3:8] = False
    mask["hidden.1.weight"][:, 10:15] = False
    mask["hidden.1.weight"][2] = False
    assert_agrees(kind, member(lenet(), mask=mask), spec())


@both
@pytest.mark.parametrize("density", [0.0, 1.0])
def test_the_empty_and_the_full_mask_agree(kind: Kind, density: float) -> None:
    assert_agrees(kind, member(lenet(), mask=random_mask(lenet(), density)), spec())


@both
def test_a_layer_that_has_no_mask_is_dense(kind: Kind) -> None:
    mask = random_mask(lenet(), 0.3)
    del mask["output.weight"]
    assert_agrees(kind, member(lenet(), mask=mask), spec())


@both
def test_moved_and_mirrored_images_are_those_of_the_epoch(kind: Kind) -> None:
    plain, training, one = data_set(), spec(), member(lenet())
    data = replace(plain, spec=replace(plain.spec, flip=True, crop=2))
    backend = kind(lenet(), data, training, [one])
    backend.train(8)  # 5 steps are an epoch
    by_hand = kind(lenet(), plain, training, [one])
    for epoch, stop in enumerate((5, 8)):
        images = augmented(
            plain.train.inputs,
            torch.arange(len(plain.train)),
            data.spec,
            seed=one.seed,
            level=one.level,
            epoch=epoch,
        )
        moved = replace(plain, train=Part(inputs=images, labels=plain.train.labels))
        states = by_hand.states()
        by_hand = kind(lenet(), moved, training, [one])
        by_hand.restore(states)
        by_hand.train(stop)
    assert_same_bits(backend.weights()[0], by_hand.weights()[0])


@both
def test_optimizer_steps_are_counted_from_the_start_of_the_member(kind: Kind) -> None:
    assert_agrees(kind, member(lenet(), start=25), spec(schedule="cosine"))


@both
@pytest.mark.parametrize("examples", [1, 63, 64, 65, 129, 257])
def test_the_last_odd_examples_of_a_part_are_counted_once(kind: Kind, examples: int) -> None:
    data, training, one = data_set(), spec(), member(lenet())
    part = random_part(examples)
    ours = kind(lenet(), data, training, [one]).evaluate(part)
    torch.testing.assert_close(ours, Plain(lenet(), data, training, [one]).evaluate(part))


@both
def test_optimizer_states_are_dense_in_shape_and_zero_where_pruned(kind: Kind) -> None:
    one = member(lenet())
    backend = kind(lenet(), data_set(), spec(weight_decay=0.1), [one])
    backend.train(7)
    (state,) = backend.states()
    assert state.iteration == backend.iteration == 7
    kinds = {name.split("/")[0] for name in state.tensors}
    assert kinds == {"weights", "exp_avg", "exp_avg_sq"}
    for prefix in kinds:
        tensors = {name: state.tensors[f"{prefix}/{name}"] for name in one.weights}
        assert {name: value.shape for name, value in tensors.items()} == {
            name: value.shape for name, value in one.weights.items()
        }
        assert_zero_where_pruned(tensors, one.mask)


@both
@pytest.mark.parametrize(
    "changes", [{}, {"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "sgd"}]
)
def test_a_restored_state_goes_on_bit_for_bit(kind: Kind, changes: dict[str, Any]) -> None:
    data, training = data_set(), spec(**changes)
    members = [member(lenet(), seed) for seed in range(2)]
    straight = kind(lenet(), data, training, members)
    straight.train(13)
    states = straight.states()
    straight.train(40)
    resumed = kind(lenet(), data, training, members)
    resumed.restore(states)
    resumed.train(40)
    for ours, theirs in zip(resumed.weights(), straight.weights(), strict=True):
        assert_same_bits(ours, theirs)


@both
def test_a_state_of_one_backend_goes_on_in_another(kind: Kind) -> None:
    data, training, one = data_set(), spec(), member(lenet())
    plain, first = Plain(lenet(), data, training, [one]), kind(lenet(), data, training, [one])
    plain.train(24)
    first.train(12)
    other = (SparseTorch if kind is SparseNumba else SparseNumba)(lenet(), data, training, [one])
    other.restore(first.states())
    other.train(24)
    assert_close(other.weights()[0], plain.weights()[0])


@both
def test_members_have_the_same_bits_alone_and_together(kind: Kind) -> None:
    data, training = data_set(), spec()
    members = [member(lenet(), seed) for seed in range(3)]
    together = kind(lenet(), data, training, members)
    together.train(30)
    readings = together.evaluate(data.test)
    for index, one in enumerate(members):
        alone = kind(lenet(), data, training, [one])
        alone.train(30)
        assert_same_bits(alone.weights()[0], together.weights()[index])
        assert torch.equal(alone.evaluate(data.test)[0], readings[index])


@both
def test_stops_and_readings_on_the_way_change_nothing(kind: Kind) -> None:
    data, training, one = data_set(), spec(), member(lenet())
    straight, halting = (kind(lenet(), data, training, [one]) for _ in range(2))
    straight.train(45)
    for stop in (1, 2, 19, 19, 45):
        halting.train(stop)
        halting.evaluate(data.validation)
    assert_same_bits(halting.weights()[0], straight.weights()[0])


@both
def test_what_is_handed_out_and_what_was_given_stay_as_they_are(kind: Kind) -> None:
    one = member(lenet())
    given = {name: value.clone() for name, value in one.weights.items()}
    backend = kind(lenet(), data_set(), spec(), [one])
    (state,), (weights,) = backend.states(), backend.weights()
    before = {name: value.clone() for name, value in weights.items()}
    backend.train(5)
    assert_same_bits(weights, before)
    assert_same_bits({name: state.tensors[f"weights/{name}"] for name in before}, before)
    assert_same_bits(one.weights, given)


@both
def test_the_global_random_state_is_left_alone(kind: Kind) -> None:
    data, one = data_set(), member(lenet())
    before = torch.random.get_rng_state()
    backend = kind(lenet(), data, spec(), [one])
    backend.train(5)
    backend.evaluate(data.test)
    assert torch.equal(torch.random.get_rng_state(), before)


@both
@pytest.mark.parametrize("layer", ["hidden.0.weight", "hidden.1.bias", "output.weight"])
def test_a_nan_reaches_the_loss_through_every_layer(kind: Kind, layer: str) -> None:
    one = member(lenet(), mask=random_mask(lenet(), 1.0))
    one.weights[layer].view(-1)[0] = torch.nan
    loss = kind(lenet(), data_set(), spec(), [one]).evaluate(random_part(70))[0, 0]
    assert loss.isnan()


@both
def test_an_overflow_shows_in_the_loss(kind: Kind) -> None:
    data, one = data_set(), member(lenet(), mask=random_mask(lenet(), 1.0))
    for name in ("hidden.1.weight", "output.weight"):
        one.weights[name].mul_(1e25)
    backend = kind(lenet(), data, spec(), [one])
    assert not backend.evaluate(data.validation)[0, 0].isfinite()
    backend.train(1)
    assert not backend.weights()[0]["output.weight"].isfinite().all()


@both
def test_extreme_logits_lose_no_precision(kind: Kind) -> None:
    one, data, training = member(lenet()), data_set(), spec()
    one.weights["output.bias"].copy_(torch.tensor([0.0, -300.0, 90.0, 89.0, -90.0, 1e4, 9.9e3]))
    ours = kind(lenet(), data, training, [one]).evaluate(data.validation)
    torch.testing.assert_close(
        ours, Plain(lenet(), data, training, [one]).evaluate(data.validation)
    )


@both
def test_labels_beyond_the_classes_are_refused(kind: Kind) -> None:
    data = data_set()
    data.train.labels[5] = CLASSES
    with pytest.raises(DataError, match="label 7"):
        kind(lenet(), data, spec(), [member(lenet())])


@both
def test_a_mask_of_another_network_is_refused(kind: Kind) -> None:
    mask = random_mask(lenet("lenet-20-13"), 0.3)
    with pytest.raises(MaskMismatchError, match=r"hidden\.1\.weight"):
        kind(lenet(), data_set(), spec(), [member(lenet(), mask=mask)])
