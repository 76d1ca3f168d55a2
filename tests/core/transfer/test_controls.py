from __future__ import annotations

import dataclasses
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ticket_hub.errors import EvidenceError, RecipeError
from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import full_mask, next_mask, random_mask
from ticket_hub.pruning.masks import kept_by_layer
from ticket_hub.pruning.structure import is_of_units
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.structured.dependencies import structure_for
from ticket_hub.ticket import Ticket
from ticket_hub.transfer import CONTROLS, Start, StartSources, make_start

Scope = Literal["layerwise", "global"]
NETWORK = NetworkSpec(name="lenet-12-8")
NORMED = NetworkSpec(name="resnet-20")


def ticket(density: float = 0.3, network: NetworkSpec = NETWORK, *, seed: int = 5) -> Ticket:
    shape = (1, 6, 6) if network is NETWORK else (3, 8, 8)
    architecture = architecture_for(network, shape, 4)
    layers = outline(architecture).layers
    counts = {layer.name: round(density * layer.size) for layer in layers}
    return Ticket(
        architecture=architecture,
        mask=random_mask(layers, counts, seed=seed),
        theta0=initialize(architecture, network, seed=seed + 2),
    )


# control -> weights are theta0's, mask is the ticket's, mask is full, seed is recorded
TABLE = {
    "ticket": (True, True, False, False),
    "dense": (True, False, True, False),
    "dense-pretrained": (True, False, True, False),
    "reinit": (False, True, False, True),
    "reinit-same-sign": (False, True, False, True),
    "random-signs": (False, True, False, True),
    "permuted": (False, False, False, True),
    "shuffle": (True, False, False, True),
    "shuffled-pretrained": (False, True, False, True),
    "random": (False, False, False, True),
    "random-erk": (False, False, False, True),
    "random-sparsity": (False, False, False, True),
    "resample": (False, True, False, True),
    "random-smart": (False, False, False, True),
    "random-labels": (True, False, False, False),
    "random-pixels": (True, False, False, False),
    "invert": (True, False, False, False),
    "mask-only": (False, True, False, True),
    "finetune": (False, False, False, False),
    "own": (False, False, False, False),
}


def begin(control: str, given: Ticket, network: NetworkSpec, seed: int, scope: Scope) -> Start:
    """`make_start` with what each control needs besides: trained weights, or the own ticket."""
    own = ticket(given.density, network, seed=99)
    trained = {name: 3 * value for name, value in own.theta0.items()}
    return make_start(
        control,
        own if control == "own" else given,
        network,
        seed,
        sources=StartSources(
            trained=trained,
            pruning=PruningSpec(scope=scope),
            pretrained=given.theta0,
            scores=lambda: {name: given.theta0[name].abs() for name in given.mask},
            rescored=lambda examples: ticket(given.density, network, seed=len(examples)).mask,
            matched=lambda: ticket(given.density, network, seed=17).mask,
        ),
    )


def test_the_table_has_every_control() -> None:
    assert set(TABLE) == {"ticket", *CONTROLS}


@pytest.mark.parametrize("control", TABLE)
def test_each_control_takes_one_thing_away(control: str) -> None:
    given = ticket()
    own_weights, own_mask, full, drawn = TABLE[control]
    start = begin(control, given, NETWORK, 11, "layerwise")
    layers = list(given.mask)
    assert all(torch.equal(start.weights[n], given.theta0[n]) for n in layers) is own_weights
    assert all(torch.equal(start.mask[n], given.mask[n]) for n in layers) is own_mask
    assert all(bool(start.mask[n].all()) for n in layers) is full
    assert start.seed == (11 if drawn else None)


WITH_OTHER_COUNTS = {
    *("dense", "dense-pretrained"),
    *("random-erk", "random-smart", "random-sparsity"),
}


@pytest.mark.parametrize("control", [name for name in TABLE if name not in WITH_OTHER_COUNTS])
def test_every_control_keeps_as_many_weights_in_each_layer(control: str) -> None:
    given = ticket()
    start = begin(control, given, NETWORK, 3, "layerwise")
    assert kept_by_layer(start.mask) == kept_by_layer(given.mask)


@pytest.mark.parametrize("control", TABLE)
def test_a_control_begins_from_weights_that_no_mask_has_been_at(control: str) -> None:
    start = begin(control, ticket(), NETWORK, 3, "layerwise")
    for name, keep in start.mask.items():
        assert int((start.weights[name] * keep).count_nonzero()) == int(keep.sum())
        assert int(start.weights[name].count_nonzero()) == keep.numel()


@pytest.mark.parametrize("control", TABLE)
def test_a_control_is_a_pure_function_of_its_seed(control: str) -> None:
    one, same, other = (begin(control, ticket(), NETWORK, s, "layerwise") for s in (1, 1, 2))
    assert all(torch.equal(one.weights[name], same.weights[name]) for name in one.weights)
    assert all(torch.equal(one.mask[name], same.mask[name]) for name in one.mask)
    alike = all(torch.equal(one.weights[name], other.weights[name]) for name in one.mask)
    alike &= all(torch.equal(one.mask[name], other.mask[name]) for name in one.mask)
    assert alike is (
        control
        in {
            *("ticket", "dense", "dense-pretrained", "finetune", "invert", "own"),
            *("random-labels", "random-pixels"),
        }
    )


@given(st.floats(0.02, 0.98), st.integers(0, 2**40))
def test_a_shuffle_is_never_the_ticket(density: float, seed: int) -> None:
    given_ticket = ticket(density)
    mask = make_start("shuffle", given_ticket, NETWORK, seed).mask
    assert any(not torch.equal(mask[name], given_ticket.mask[name]) for name in mask)
    assert kept_by_layer(mask) == kept_by_layer(given_ticket.mask)


def test_the_same_signs_are_the_only_thing_kept_of_theta0() -> None:
    given_ticket = ticket()
    start = make_start("reinit-same-sign", given_ticket, NETWORK, seed=3)
    plain = make_start("reinit", given_ticket, NETWORK, seed=3)
    for name in given_ticket.mask:
        assert torch.equal(start.weights[name].sign(), given_ticket.theta0[name].sign())
        assert torch.equal(start.weights[name].abs(), plain.weights[name].abs())


def test_random_signs_leave_the_sizes_and_toss_a_fair_coin_for_each_sign() -> None:
    given_ticket = ticket()
    start = make_start("random-signs", given_ticket, NETWORK, seed=3)
    same, every = 0, 0
    for name, keep in given_ticket.mask.items():
        theta0, values = given_ticket.theta0[name], start.weights[name]
        assert torch.equal(values.abs(), theta0.abs())
        same += int((values.sign() == theta0.sign()).sum())
        every += keep.numel()
    assert abs(same / every - 0.5) < 4 * 0.5 / every**0.5
    rest = [name for name in given_ticket.theta0 if name not in given_ticket.mask]
    assert all(torch.equal(start.weights[name], given_ticket.theta0[name]) for name in rest)


def test_a_signed_ticket_has_one_bit_of_each_survivor_and_nothing_else_of_theta0() -> None:
    given_ticket = ticket()
    start = make_start("ticket", given_ticket, NETWORK, seed=3, sources=StartSources(signed=8))
    fresh = make_start("reinit", given_ticket, NETWORK, seed=8).weights
    for name, keep in given_ticket.mask.items():
        assert torch.equal(start.weights[name].abs(), fresh[name].abs())
        assert torch.equal(start.weights[name][keep].sign(), given_ticket.theta0[name][keep].sign())
        assert torch.equal(start.weights[name][~keep], fresh[name][~keep])
    rest = [name for name in given_ticket.theta0 if name not in given_ticket.mask]
    assert all(torch.equal(start.weights[name], fresh[name]) for name in rest)
    assert start.seed == 8
    other = {name: 3 * value for name, value in given_ticket.theta0.items()}
    scaled = dataclasses.replace(given_ticket, theta0=other)
    assert (
        make_start("ticket", scaled, NETWORK, seed=3, sources=StartSources(signed=8)).digest
        == start.digest
    )
    tossed = make_start(
        "random-signs", given_ticket, NETWORK, seed=3, sources=StartSources(signed=8)
    ).weights
    assert all(torch.equal(tossed[n].abs(), start.weights[n].abs()) for n in given_ticket.mask)


def test_an_inverted_mask_keeps_the_lowest_scores() -> None:
    given = ticket()
    sizes = {name: given.theta0[name].abs() for name in given.mask}
    start = make_start("invert", given, NETWORK, 3, sources=StartSources(scores=lambda: sizes))
    for name, keep in start.mask.items():
        assert sizes[name][keep].max() <= sizes[name][~keep].min()
    with pytest.raises(EvidenceError, match="scores of theta0"):
        make_start("invert", given, NETWORK, 3)


@pytest.mark.parametrize("granularity", ["unit", "2:4"])
def test_what_was_pruned_as_one_is_inverted_as_one(granularity: str) -> None:
    given = ticket()
    layers, theta0 = outline(given.architecture).layers, given.theta0
    spec = PruningSpec(granularity=granularity, rates={"fc": 0.25, "output": 0.25})
    structure = structure_for(spec, given.architecture)
    mask = next_mask(
        spec,
        layers,
        initial=theta0,
        trained=theta0,
        mask=full_mask(layers),
        seed=0,
        structure=structure,
    )
    given = dataclasses.replace(given, mask=mask)
    sizes = {layer.name: theta0[layer.name].abs() for layer in layers}
    sources = StartSources(scores=lambda: sizes, pruning=spec)
    inverted = make_start("invert", given, NETWORK, 3, sources=sources).mask
    assert kept_by_layer(inverted) == kept_by_layer(mask)
    first, other = (keep["hidden.0.weight"] for keep in (mask, inverted))
    if granularity == "2:4":
        blocks = [keep.unflatten(1, (-1, 4)) for keep in (first, other)]
        assert all((each.sum(-1) == 2).all() for each in blocks)
        assert torch.equal(first, ~other)
    else:
        assert is_of_units(inverted)
        rows = sizes["hidden.0.weight"].sum(1)
        assert rows[other.any(1)].max() <= rows[~other.any(1)].min()
        assert rows[first.any(1)].min() >= rows[~first.any(1)].max()


def test_a_random_mask_by_erk_keeps_as_many_weights_and_small_layers_denser() -> None:
    given = ticket()
    start = make_start("random-erk", given, NETWORK, 3)
    counts = kept_by_layer(start.mask)
    assert sum(counts.values()) == sum(kept_by_layer(given.mask).values())
    densities = [counts[name] / keep.numel() for name, keep in given.mask.items()]
    assert densities[0] < densities[1] < densities[2]
    other = make_start("random-erk", given, NETWORK, 4).mask
    assert any(not torch.equal(keep, other[name]) for name, keep in start.mask.items())


def test_random_sparsity_keeps_as_many_weights_and_every_layer_about_as_dense() -> None:
    given = ticket()
    start = make_start("random-sparsity", given, NETWORK, 3)
    counts = kept_by_layer(start.mask)
    assert sum(counts.values()) == sum(kept_by_layer(given.mask).values())
    assert counts != kept_by_layer(given.mask)


def test_resampled_values_are_the_survivors_of_their_own_layer() -> None:
    given = ticket()
    start = make_start("resample", given, NETWORK, 3)
    for name, keep in given.mask.items():
        survivors, drawn = given.theta0[name][keep], start.weights[name][keep]
        assert set(drawn.tolist()) < set(survivors.tolist())  # with replacement: some are missing
        assert not torch.equal(drawn, survivors)


def test_a_random_mask_by_smart_ratios_keeps_as_many_weights_and_earlier_layers_denser() -> None:
    given = ticket()
    counts = kept_by_layer(make_start("random-smart", given, NETWORK, 3).mask)
    kept = sum(kept_by_layer(given.mask).values())
    assert list(counts.values()) == [*_two_layers(kept - round(0.3 * 32)), round(0.3 * 32)]


def _two_layers(kept: int) -> tuple[int, int]:
    """Densities 2^2 + 2 to 1 + 1 of 432 and 96 weights, rounded."""
    share = kept / (6 * 432 + 2 * 96)
    return round(6 * 432 * share), round(2 * 96 * share)


@pytest.mark.parametrize("scope", ["layerwise", "global"])
def test_finetuning_begins_with_the_largest_trained_weights_as_many_as_the_ticket_keeps(
    scope: Scope,
) -> None:
    given = ticket()
    layers = list(given.mask)
    left_dense = {**given.mask, layers[-1]: torch.ones_like(given.mask[layers[-1]])}
    given = dataclasses.replace(given, mask=left_dense)
    trained = {name: value**3 for name, value in given.theta0.items()}
    start = make_start(
        "finetune",
        given,
        NETWORK,
        1,
        sources=StartSources(trained=trained, pruning=PruningSpec(scope=scope)),
    )
    assert start.weights is trained
    assert bool(start.mask[layers[-1]].all())
    counts = kept_by_layer(start.mask)
    assert sum(counts.values()) == sum(kept_by_layer(given.mask).values())
    assert (counts == kept_by_layer(given.mask)) is (scope == "layerwise")
    groups = [layers[:-1]] if scope == "global" else [[name] for name in layers[:-1]]
    for names in groups:
        kept = torch.cat([trained[name][start.mask[name]].abs() for name in names])
        gone = torch.cat([trained[name][~start.mask[name]].abs() for name in names])
        assert kept.min() >= gone.max()


def test_finetuning_needs_a_trained_network() -> None:
    with pytest.raises(EvidenceError, match="trained dense network"):
        make_start("finetune", ticket(), NETWORK, 1)


def test_what_trains_on_keeps_its_statistics_of_norms() -> None:
    found = ticket(network=NORMED)
    used = {name: value + 3 if "running" in name else value for name, value in found.theta0.items()}
    start = make_start("finetune", found, NORMED, 1, sources=StartSources(trained=used))
    assert all(torch.equal(start.weights[name], used[name]) for name in used)


@pytest.mark.parametrize("control", [name for name in TABLE if name != "finetune"])
def test_statistics_of_norms_begin_anew(control: str) -> None:
    found = ticket(network=NORMED)
    used = {name: value + 3 if "running" in name else value for name, value in found.theta0.items()}
    given = dataclasses.replace(found, theta0=used)
    start = make_start(
        control,
        given,
        NORMED,
        seed=1,
        sources=StartSources(
            pretrained=used,
            scores=lambda: found.theta0,
            rescored=lambda _: found.mask,
            matched=lambda: found.mask,
        ),
    )
    means = [value for name, value in start.weights.items() if name.endswith("running_mean")]
    variances = [value for name, value in start.weights.items() if name.endswith("running_var")]
    assert means
    assert all(bool((value == 0).all()) for value in means)
    assert all(bool((value == 1).all()) for value in variances)


@pytest.mark.parametrize("control", ["dense", "shuffle"])
@pytest.mark.parametrize("said", [True, False])
def test_weights_that_are_masked_already_are_refused_where_dense_ones_are_needed(
    control: str, *, said: bool
) -> None:
    found = ticket()
    masked = {**found.theta0, **{n: found.theta0[n] * keep for n, keep in found.mask.items()}}
    with pytest.raises(EvidenceError, match="survivors only"):
        make_start(control, dataclasses.replace(found, theta0=masked, dense=said), NETWORK, 0)


def test_a_mask_that_keeps_all_is_no_masked_theta0() -> None:
    found = ticket()
    full = dataclasses.replace(found, mask=full_mask(outline(found.architecture).layers))
    assert make_start("dense", full, NETWORK, 0).seed is None


def test_beside_a_rewound_ticket_the_pretrained_network_is_not_the_dense_one() -> None:
    found = dataclasses.replace(ticket(), start=500)
    source = {name: value + 1 for name, value in found.theta0.items()}
    start = make_start(
        "dense-pretrained", found, NETWORK, 1, sources=StartSources(pretrained=source)
    )
    assert all(bool(keep.all()) for keep in start.mask.values())
    assert all(torch.equal(start.weights[name], source[name]) for name in found.mask)
    with pytest.raises(EvidenceError, match="began with fresh"):
        make_start("dense-pretrained", found, NETWORK, 1)


def test_an_unknown_control_is_answered_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="'shuffle'"):
        make_start("shufle", ticket(), NETWORK, 0)


def test_shuffled_pretrained_keeps_the_values_of_each_layer_and_not_their_places() -> None:
    given = ticket()
    start = begin("shuffled-pretrained", given, NETWORK, 11, "layerwise")
    again = begin("shuffled-pretrained", given, NETWORK, 12, "layerwise")
    for name, values in given.theta0.items():
        assert torch.equal(start.weights[name].flatten().sort()[0], values.flatten().sort()[0])
        if name in given.mask:
            assert not torch.equal(start.weights[name], values)
            assert not torch.equal(start.weights[name], again.weights[name])
        else:
            assert torch.equal(start.weights[name], values)
