"""What a ticket costs in each form: the forms are right, and what is slower is said."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.helpers.populations import network, population
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.data import DataSet, load
from ticket_hub.networks import architecture_for, build, initialize, outline, register_network
from ticket_hub.pruning import full_mask
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe import DataSpec, NetworkSpec
from ticket_hub.report.costs import Costs, FormCost, measure_ticket
from ticket_hub.report.csr import CsrLinear, csr_module


class Attending(nn.Module):
    """Its attention takes the weight of `out_proj` without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        values = images.flatten(1, 2)
        attended: Tensor = self.attention(values, values, values)[0]
        return attended.mean(1)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return load(DataSpec(name="digits", validation=300), tmp_path_factory.mktemp("none"))


@pytest.mark.parametrize(("name", "sparse"), [("lenet-24-16", 3), ("conv-2", 3), ("resnet-8", 1)])
def test_sparse_rows_compute_what_the_masked_network_computes(
    name: str, sparse: int, digits: DataSet
) -> None:
    architecture = network(digits, name)
    member = population(architecture, 1, density=0.1)[0]
    module = build(architecture).eval()
    module.load_state_dict(masked(member.weights, member.mask))
    rows = csr_module(module)
    assert rows is not None
    layers = [part for part in rows.modules() if isinstance(part, CsrLinear)]
    assert len(layers) == sparse
    images = torch.rand(5, *architecture.input_shape)
    with torch.no_grad():
        assert torch.allclose(module(images), rows(images), atol=1e-5)
    assert layers[-1].multiplications == 5 * int(member.mask["output.weight"].sum())
    assert layers[-1].dense_multiplications == 5 * member.mask["output.weight"].numel()


def test_a_network_without_linear_layers_has_no_sparse_rows() -> None:
    assert csr_module(nn.Conv2d(1, 1, 1)) is None


def test_a_network_that_reads_the_weights_of_a_layer_is_measured_without_sparse_rows() -> None:
    register_network("tests-attending")(lambda _: Attending())
    spec = NetworkSpec(name="tests-attending")
    architecture = architecture_for(spec, (1, 2, 8), 8)
    mask = full_mask(outline(architecture).layers)
    weights = initialize(architecture, spec, 0)
    costs = measure_ticket(TicketContent(architecture=architecture, mask=mask, theta0=weights))
    assert "csr" not in {cost.form for cost in costs.costs}
    assert any("reads its layers' weights" in each for each in costs.left_out)


def test_forms_of_single_weights_that_are_slower_are_named() -> None:
    def cost(form: str, milliseconds: float) -> FormCost:
        return FormCost(
            form=form,
            parameters=1,
            nonzero=1,
            macs=1,
            bytes=1,
            milliseconds=milliseconds,
            low=milliseconds - 0.5,
            high=milliseconds + 0.5,
        )

    costs = Costs(
        costs=(cost("dense", 2), cost("masked", 2.2), cost("small", 9), cost("csr", 5)),
        batch=64,
        runs=20,
        threads=1,
        machine={},
    )
    assert costs.slower == ("csr takes 2.50 times as long as the dense network here.",)
    assert costs["small"].milliseconds == 9
    with pytest.raises(KeyError):
        costs["onnx"]
