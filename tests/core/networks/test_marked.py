"""Weights that no Conv and no Linear has: of recurrent layers, attentions, and one's own."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import ticket_hub
from ticket_hub.analysis.flops.compute import measure_flops
from ticket_hub.errors import NetworkError
from ticket_hub.networks import (
    architecture_for,
    initialize,
    outline,
    prunable_layers,
    register_factory,
    set_kind,
    unmarked_matrices,
)
from ticket_hub.pruning import full_mask
from ticket_hub.recipe import NetworkSpec
from ticket_hub.report.costs import measure_ticket

STEPS, WIDTH = 8, 16


class Recurrent(nn.Module):
    """Reads the rows of an image one after the other, lets them attend, and mixes."""

    def __init__(self, *, marked: bool = True) -> None:
        super().__init__()
        self.rows = nn.LSTM(8, WIDTH, batch_first=True)
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.mixing = nn.Parameter(torch.randn(WIDTH, WIDTH) / 4)
        self.output = nn.Linear(WIDTH, 10)
        if marked:
            set_kind(self.rows, "fc", "weight_ih_l0", "weight_hh_l0")
            set_kind(self.attention, "fc", "in_proj_weight")
            set_kind(self, "fc", "mixing")
            set_kind(self.output, "output")

    def forward(self, images: Tensor) -> Tensor:
        rows = self.rows(images[:, 0])[0]
        rows = rows + self.attention(rows, rows, rows)[0]
        outputs: Tensor = self.output(torch.relu(rows[:, -1] @ self.mixing.T))
        return outputs


MARKED = {
    "mixing": "fc",
    "rows.weight_ih_l0": "fc",
    "rows.weight_hh_l0": "fc",
    "attention.in_proj_weight": "fc",
    "attention.out_proj.weight": "fc",
    "output.weight": "output",
}


def unmarked() -> nn.Module:
    return Recurrent(marked=False)


@pytest.fixture(scope="module")
def examples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.rand(300, 1, STEPS, 8, generator=generator),
        torch.randint(0, 10, (300,), generator=generator),
    )


def test_what_is_marked_is_prunable_in_the_order_of_the_state_dict() -> None:
    module = copy.deepcopy(Recurrent())
    layers = prunable_layers(module)
    assert {layer.name: layer.kind for layer in layers} == MARKED
    assert [layer.name for layer in layers] == [
        name for name in module.state_dict() if name in MARKED
    ]
    assert not unmarked_matrices(module)


def test_what_nobody_has_marked_is_beyond_the_mask() -> None:
    assert unmarked_matrices(unmarked()) == {
        "mixing": WIDTH * WIDTH,
        "rows.weight_ih_l0": 4 * WIDTH * 8,
        "rows.weight_hh_l0": 4 * WIDTH * WIDTH,
        "attention.in_proj_weight": 3 * WIDTH * WIDTH,
    }


@pytest.mark.parametrize(
    ("name", "problem"),
    [("weight_hh_l1", "no weight 'weight_hh_l1'"), ("bias_hh_l0", "no weight 'bias_hh_l0'")],
)
def test_a_weight_that_is_not_there_or_is_no_matrix_is_refused(name: str, problem: str) -> None:
    with pytest.raises(NetworkError, match=problem) as refused:
        set_kind(nn.LSTM(2, 2), "fc", name)
    assert "weight_ih_l0, weight_hh_l0" in str(refused.value.remedy)


def test_they_are_initialized_pruned_and_counted_as_layers_are() -> None:
    name = register_factory(Recurrent)
    spec = NetworkSpec(name=name, init="kaiming-normal")
    network = architecture_for(spec, (1, STEPS, 8), 10)
    first = initialize(network, spec, 0)
    assert float(first["rows.weight_hh_l0"].std()) == pytest.approx((2 / WIDTH) ** 0.5, rel=0.1)
    assert not first["rows.bias_hh_l0"].any()
    mask = full_mask(outline(network).layers)
    mask["rows.weight_ih_l0"][:] = False
    found = measure_flops(network, [mask])
    uses = {layer.layer: layer.uses for layer in found.layers}
    assert uses == dict.fromkeys(MARKED, STEPS) | {"mixing": 1, "output.weight": 1}
    assert found.dense - found.effective[0] == 2 * STEPS * 4 * WIDTH * 8
    assert found.other == 2 * 2 * STEPS * STEPS * WIDTH  # of the attention itself


def test_a_search_prunes_them_and_their_masks_hold(
    examples: tuple[Tensor, Tensor], tmp_path: Path
) -> None:
    told: list[str] = []
    changes = {"search.levels": 1, "search.trials": 1, "training.iterations": 10}
    changes |= {"training.evaluate_every": 10}
    found = ticket_hub.find(
        network=Recurrent,
        data=examples,
        changes=changes,
        run_folder=tmp_path / "run",
        workers=1,
        notify=told.append,
    )
    assert not [each for each in told if "Beyond" in each]
    ticket = ticket_hub.Ticket.load(found.bundle, level=1)
    assert {name: int((~keep).sum()) for name, keep in ticket.mask.items()}.keys() == MARKED.keys()
    assert all(bool((~keep).any()) for keep in ticket.mask.values())
    module = ticket.build()
    optimizer = torch.optim.Adam(module.parameters())
    for _ in range(2):
        module(examples[0]).square().mean().backward()
        optimizer.step()
    assert not any(module.get_parameter(name)[~keep].any() for name, keep in ticket.mask.items())
    dense = measure_ticket(ticket, runs=20).costs[0]
    assert dense.macs == STEPS * (
        4 * WIDTH * (8 + WIDTH) + 4 * WIDTH * WIDTH + 2 * STEPS * WIDTH
    ) + (WIDTH * WIDTH + 10 * WIDTH)


def test_a_search_says_what_no_mask_reaches(
    examples: tuple[Tensor, Tensor], tmp_path: Path
) -> None:
    told: list[str] = []
    ticket_hub.find(
        network=unmarked,
        data=examples,
        changes={"search.levels": 1, "search.trials": 1, "training.iterations": 10},
        run_folder=tmp_path / "run",
        workers=1,
        notify=told.append,
    )
    (about,) = [each for each in told if "Beyond the mask" in each]
    assert "rows.weight_hh_l0" in about
    assert "2,560 numbers beside 416 prunable weights" in about
    assert "set_kind" in about
