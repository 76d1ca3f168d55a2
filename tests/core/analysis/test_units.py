from __future__ import annotations

import pytest
import torch
from torch import nn

from ticket_hub.analysis.degrees.compute import Degrees, measure_degrees
from ticket_hub.analysis.units.compute import LayerUnits, Units, measure_units
from ticket_hub.analysis.units.reach import can_reach
from ticket_hub.analysis.wiring import incoming, outgoing
from ticket_hub.networks import outline
from ticket_hub.pruning import full_mask
from ticket_hub.recipe.tables import build, to_table
from ticket_hub.types import Architecture


def small(name: str, side: int = 8) -> Architecture:
    return Architecture(name=name, channels=1, height=side, width=side, classes=3)


def full(architecture: Architecture) -> dict[str, torch.Tensor]:
    return full_mask(outline(architecture).layers)


def layers(architecture: Architecture, mask: dict[str, torch.Tensor]) -> dict[str, LayerUnits]:
    return {each.layer: each for each in measure_units(architecture, [mask]).layers}


def test_dead_units_of_a_small_network_are_known() -> None:
    """Two pixels by two, units a0..a3 and b0..b2, three classes.

    a0 has no weight in; a1 none out; a2 feeds b0 alone, and b0 no class; a3 is alive through b1.
    b2 hears a0 alone.
    """
    network = Architecture(name="lenet-4-3", channels=1, height=2, width=2, classes=3)
    mask = {name: torch.zeros_like(keep) for name, keep in full(network).items()}
    first, second, output = mask["hidden.0.weight"], mask["hidden.1.weight"], mask["output.weight"]
    first[1:, :3] = True
    for unit, source in ((0, 2), (1, 3), (2, 0)):
        second[unit, source] = True
    output[:2, 1] = output[0, 2] = True
    found = measure_units(network, [mask])
    assert found.unused_pixels == (1,)
    a, b, classes = found.layers
    assert (a.without_incoming, a.cut_from_image, a.cut_from_classes, a.dead) == (
        (1,),
        (1,),
        (2,),
        (3,),
    )
    assert b.without_outgoing == (1,)
    assert (b.without_incoming, b.cut_from_image, b.cut_from_classes, b.dead) == (
        (0,),
        (1,),
        (1,),
        (2,),
    )
    assert (classes.without_incoming, classes.without_outgoing, classes.dead) == ((1,), (1,), (1,))
    assert [each.idle for each in found.layers] == [(6,), (2,), (1,)]


@pytest.mark.parametrize(
    "name", ["lenet-12-7", "conv-2", "resnet-8", "vgg-11", "small-resnet-18", "timm:resnet18"]
)
def test_nothing_is_dead_in_an_unpruned_network(name: str) -> None:
    network = small(name, 64)  # on maps of one pixel the edges of kernels see nothing
    found = measure_units(network, [full(network)])
    assert found.probed
    assert found.unused_pixels == (0,)
    assert all(each.dead == each.idle == (0,) for each in found.layers)


def test_an_identity_path_keeps_a_residual_network_alive() -> None:
    network = small("resnet-8")
    mask = full(network)
    mask["blocks.0.conv2.weight"][:] = False
    found = layers(network, mask)
    cut, before, after = (
        found[f"blocks.{name}.weight"] for name in ("0.conv2", "0.conv1", "1.conv1")
    )
    assert (cut.cut_from_image, cut.cut_from_classes, cut.dead) == ((16,), (0,), (16,))
    assert (before.cut_from_classes, before.idle) == ((16,), (16 * 16 * 9,))
    assert (after.dead, after.idle) == ((0,), (0,))


def test_without_shortcut_and_convolution_a_stage_is_cut_off() -> None:
    network = small("resnet-8")
    mask = full(network)
    mask["blocks.1.conv2.weight"][5] = False
    mask["blocks.1.shortcut.0.weight"][5] = False
    found = layers(network, mask)
    assert found["blocks.1.conv2.weight"].dead == (1,)
    assert found["blocks.1.shortcut.0.weight"].dead == (1,)
    assert found["blocks.2.conv1.weight"].idle == (64 * 9,)


def test_weights_that_only_ever_see_the_padding_are_idle() -> None:
    network = small("vgg-11", 16)
    mask = full(network)
    last = mask["features.25.weight"]  # on maps of one pixel, only the middle of a kernel sees it
    last[0] = False
    last[0, :, 0, 0] = True
    found = layers(network, mask)["features.25.weight"]
    assert found.without_incoming == (0,)
    assert found.cut_from_image == (1,)
    assert found.idle is not None
    assert found.idle[0] >= 512


def test_where_paths_cannot_be_followed_only_layers_are_counted() -> None:
    network = small("timm:vit_tiny_patch16_224", 32)
    assert not can_reach(network)
    mask = full(network)
    mask["head.weight"][0] = False
    found = measure_units(network, [mask])
    assert (found.probed, found.unused_pixels) == (False, None)
    assert found.layers[-1].without_incoming == (1,)
    assert found.layers[-1].dead is None
    assert build(Units, to_table(found)) == found


def test_connections_are_counted_into_units_and_out_of_inputs() -> None:
    network = Architecture(name="lenet-2", channels=1, height=1, width=3, classes=2)
    mask = {
        "hidden.0.weight": torch.tensor([[True, True, False], [True, False, False]]),
        "output.weight": torch.tensor([[False, False], [True, True]]),
    }
    first, second = measure_degrees(network, [mask, mask]).layers
    assert (first.fan_in, first.fan_out) == (3, 2)
    assert (first.incoming.n, first.incoming.mean) == (4, 1.5)
    assert (first.outgoing.quantiles[0], first.outgoing.quantiles[-1]) == (0.0, 2.0)
    assert (second.incoming.quantiles[0], second.outgoing.mean) == (0.0, 1.0)


def test_groups_and_transposed_convolutions_are_counted_by_their_units() -> None:
    grouped = nn.Conv2d(4, 6, 1, groups=2)
    keep = torch.zeros(6, 2, 1, 1, dtype=torch.bool)
    keep[4, 1] = keep[5, 1] = keep[0, 0] = True
    assert incoming(keep, grouped).tolist() == [1, 0, 0, 0, 1, 1]
    assert outgoing(keep, grouped).tolist() == [1, 0, 0, 2]
    back = nn.ConvTranspose2d(4, 6, 1, groups=2)
    keep = torch.zeros(4, 3, 1, 1, dtype=torch.bool)
    keep[3, 2] = keep[2, 2] = keep[0, 1] = True
    assert incoming(keep, back).tolist() == [0, 1, 0, 0, 0, 2]
    assert outgoing(keep, back).tolist() == [1, 0, 1, 1]


def test_the_results_come_back_from_plain_values() -> None:
    network = small("resnet-8")
    found = measure_units(network, [full(network)])
    assert build(Units, to_table(found)) == found
    degrees = measure_degrees(network, [full(network)])
    assert build(Degrees, to_table(degrees)) == degrees
