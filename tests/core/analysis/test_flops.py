from __future__ import annotations

import pytest

from ticket_hub.analysis.flops.compute import Flops, measure_flops
from ticket_hub.networks import outline
from ticket_hub.pruning import full_mask
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.types import Architecture


def test_lenet_multiplies_each_weight_once() -> None:
    network = Architecture(name="lenet-300-100", channels=1, height=28, width=28, classes=10)
    mask = full_mask(outline(network).layers)
    mask["hidden.1.weight"][0] = False
    found = measure_flops(network, [full_mask(outline(network).layers), mask])
    assert found.dense == 2 * 266_200
    assert found.effective == (2 * 266_200, 2 * (266_200 - 300))
    assert (found.other, [layer.uses for layer in found.layers]) == (0, [1, 1, 1])


def test_a_convolution_s_weights_are_used_at_every_position() -> None:
    network = Architecture(name="resnet-8", channels=3, height=32, width=32, classes=10)
    mask = full_mask(outline(network).layers)
    mask["blocks.2.conv2.weight"][:] = False
    found = measure_flops(network, [mask])
    uses = {layer.layer: layer.uses for layer in found.layers}
    assert uses["conv.weight"] == 1024
    assert uses["blocks.1.conv1.weight"] == uses["blocks.1.shortcut.0.weight"] == 256
    assert uses["blocks.2.conv2.weight"] == 64
    assert uses["output.weight"] == 1
    assert found.other == 0
    assert found.dense - found.effective[0] == 2 * 64 * 64 * 64 * 9


def test_a_network_that_reads_words_multiplies_its_weights_at_every_place() -> None:
    network = Architecture(name="encoder-1-32", channels=50, height=1, width=16, classes=2)
    found = measure_flops(network, [full_mask(outline(network).layers)])
    dense = {layer.layer: layer.dense for layer in found.layers}
    assert dense["layers.0.query.weight"] == 2 * 16 * 32 * 32
    assert found.other == 2 * (2 * 16 * 16 * 32)  # of each two places, and of these with values
    assert found.dense == sum(dense.values()) + found.other


def test_attention_is_counted_and_cannot_be_pruned() -> None:
    network = Architecture(
        name="timm:vit_tiny_patch16_224", channels=3, height=32, width=32, classes=10
    )
    mask = {name: keep & False for name, keep in full_mask(outline(network).layers).items()}
    found = measure_flops(network, [mask])
    assert found.other == found.effective[0] >= 0
    assert found.dense == found.other + sum(layer.dense for layer in found.layers)
    tokens = 5
    assert found.other == 12 * 2 * 2 * tokens * tokens * 192


@pytest.mark.parametrize("name", ["lenet-300-100", "conv-2", "timm:resnet18"])
def test_an_unpruned_network_is_as_dear_as_it_is_dense(name: str) -> None:
    network = Architecture(name=name, channels=3, height=32, width=32, classes=10)
    found = measure_flops(network, [full_mask(outline(network).layers)])
    assert found.effective == (found.dense,)
    assert build(Flops, to_table(found)) == found
