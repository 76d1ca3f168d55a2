from __future__ import annotations

import pytest
import torch

from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import NetworkError
from ticket_hub.networks import architecture_for, initialize, outline
from ticket_hub.pruning import random_mask
from ticket_hub.recipe import NetworkSpec
from ticket_hub.transfer import fit

NETWORKS = ["lenet-12-8", "conv-2", "resnet-20"]


def ticket(name: str = "lenet-12-8", classes: int = 4) -> TicketContent:
    network = NetworkSpec(name=name)
    architecture = architecture_for(network, (3, 8, 8), classes)
    layers = outline(architecture).layers
    counts = {layer.name: round(0.4 * layer.size) for layer in layers}
    return TicketContent(
        architecture=architecture,
        mask=random_mask(layers, counts, seed=5),
        theta0=initialize(architecture, network, seed=7),
    )


def head_of(found: TicketContent) -> str:
    (name,) = [x.name for x in outline(found.architecture).layers if x.kind == "output"]
    return name


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("classes", [2, 7])
def test_other_numbers_of_classes_get_a_fresh_dense_head_and_nothing_else_changes(
    name: str, classes: int
) -> None:
    found = ticket(name)
    fitted = fit(found, classes, "auto", NetworkSpec(name=name), seed=1)
    head = head_of(found)
    assert fitted.policy == "reset"
    assert fitted.ticket.architecture.classes == classes
    assert fitted.ticket.theta0[head].shape[0] == classes
    assert bool(fitted.ticket.mask[head].all())
    for other in found.mask:
        if other != head:
            assert torch.equal(fitted.ticket.mask[other], found.mask[other])
            assert torch.equal(fitted.ticket.theta0[other], found.theta0[other])
    fitted.ticket.build()


def test_equal_numbers_of_classes_keep_the_head_by_default() -> None:
    found = ticket()
    fitted = fit(found, 4, "auto", NetworkSpec(name="lenet-12-8"), seed=1)
    assert (fitted.policy, fitted.ticket) == ("keep", found)


def test_the_head_can_be_reset_although_the_numbers_agree() -> None:
    found = ticket()
    fitted = fit(found, 4, "reset", NetworkSpec(name="lenet-12-8"), seed=1)
    head = head_of(found)
    assert not torch.equal(fitted.ticket.theta0[head], found.theta0[head])


@pytest.mark.parametrize("classes", [2, 4, 9])
def test_a_reset_under_the_mask_repeats_the_rows_of_the_mask(classes: int) -> None:
    found = ticket()
    fitted = fit(found, classes, "reset-masked", NetworkSpec(name="lenet-12-8"), seed=1)
    head = head_of(found)
    for row in range(classes):
        assert torch.equal(fitted.ticket.mask[head][row], found.mask[head][row % 4])


def test_a_head_of_another_size_cannot_be_kept() -> None:
    with pytest.raises(NetworkError, match="cannot be kept"):
        fit(ticket(), 7, "keep", NetworkSpec(name="lenet-12-8"), seed=1)


def test_the_density_is_told_of_what_was_transferred_and_of_the_whole() -> None:
    found = ticket()
    fitted = fit(found, 7, "auto", NetworkSpec(name="lenet-12-8"), seed=1)
    body = {name: keep for name, keep in found.mask.items() if name != head_of(found)}
    expected = sum(int(keep.sum()) for keep in body.values())
    expected /= sum(keep.numel() for keep in body.values())  # type: ignore[assignment]
    assert fitted.transferred_density == expected
    assert fitted.ticket.density > fitted.transferred_density


def test_a_fresh_head_is_a_function_of_its_seed() -> None:
    spec = NetworkSpec(name="lenet-12-8")
    one, same, other = (fit(ticket(), 7, "reset", spec, seed) for seed in (1, 1, 2))
    head = head_of(one.ticket)
    assert torch.equal(one.ticket.theta0[head], same.ticket.theta0[head])
    assert not torch.equal(one.ticket.theta0[head], other.ticket.theta0[head])
