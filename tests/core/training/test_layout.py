from __future__ import annotations

import os
import subprocess

import pytest
import torch
from torch import nn

from tests.helpers import forked
from ticket_hub.training.layout import is_unsafe_in_channels_last, lay_out
from ticket_hub.vision import import_with_torchvision


@pytest.mark.parametrize(
    ("layer", "unsafe"),
    [
        (nn.Conv2d(1, 8, 1, stride=2), True),
        (nn.Conv2d(4, 8, 1, stride=2), True),
        (nn.Conv2d(15, 8, 1, stride=2), True),
        (nn.Conv2d(4, 8, 1, stride=(1, 2)), True),
        (nn.Conv2d(64, 64, 1, stride=2, groups=8), True),
        (nn.Conv2d(16, 8, 1, stride=2), False),
        (nn.Conv2d(4, 8, 1), False),
        (nn.Conv2d(4, 8, 3, stride=2), False),
        (nn.ConvTranspose2d(8, 4, 1, stride=2), False),
        (nn.Linear(4, 8), False),
    ],
)
def test_a_strided_1x1_with_fewer_channels_than_a_block_is_unsafe(
    layer: nn.Module, *, unsafe: bool
) -> None:
    assert is_unsafe_in_channels_last(layer) is unsafe


def test_timms_own_convolutions_are_seen_too() -> None:
    same = import_with_torchvision("timm.layers").Conv2dSame(4, 8, 1, stride=2)
    assert is_unsafe_in_channels_last(same)


def test_all_other_convolutions_lie_in_channels_last() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 8, 1, stride=2), nn.Conv2d(8, 8, 3))
    assert lay_out(module) is torch.channels_last
    outputs: list[torch.Tensor] = []
    for part in module:
        part.register_forward_hook(lambda _, __, output: outputs.append(output))
    module(torch.randn(2, 3, 12, 12).contiguous(memory_format=torch.channels_last))
    in_order = [x.is_contiguous(memory_format=torch.channels_last) for x in outputs]
    assert in_order == [True, False, True]
    assert module[1].get_parameter("weight").stride() == (4, 1, 1, 1)


def test_a_network_without_convolutions_keeps_its_layout() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    assert lay_out(module) is torch.contiguous_format


SCRIPT = """
import copy, torch
from torch import nn
from ticket_hub.networks import architecture_for, build
from ticket_hub.recipe import NetworkSpec
from ticket_hub.training.layout import lay_out
from ticket_hub.vision import import_with_torchvision

torch.set_num_threads(1)
torch.manual_seed(0)
strided = [nn.Conv2d(c, 8, 1, stride=2, bias=False) for c in range(1, 33)]
strided += [nn.Conv2d(2 * c, 8, 1, stride=2, groups=2) for c in (1, 3, 4, 7, 8, 15)]
same = import_with_torchvision("timm.layers").Conv2dSame
networks = [nn.Sequential(nn.Conv2d(3, s.in_channels, 1), s) for s in strided]
networks += [nn.Sequential(nn.Conv2d(3, 5, 1), same(5, 8, 1, stride=2))]
for width in (1, 3, 4, 6):
    spec = NetworkSpec(name="resnet-8", options={"width": width})
    networks.append(build(architecture_for(spec, (3, 8, 8), 10)).eval())
for network in networks:
    exact = copy.deepcopy(network).double()
    layout = lay_out(network)
    images = torch.randn(60, 3, 8, 8)
    wanted = torch.autograd.grad(exact(images.double()).square().sum(), exact.parameters())
    for _ in range(10):
        value = network(images.contiguous(memory_format=layout)).square().sum()
        for have, want in zip(torch.autograd.grad(value, network.parameters()), wanted):
            error = (have - want).abs().max() / want.abs().max().clamp(min=1e-9)
            assert error < 1e-3, (network, float(error))
print(len(networks), "networks")
"""


# Where a processor has no more than AVX2, this is the default.
ISAS = ["AVX2"] if torch.backends.cpu.get_cpu_capability() == "AVX2" else ["DEFAULT", "AVX2"]


@pytest.mark.parametrize("isa", ISAS)
def test_gradients_of_small_strided_layers_agree_with_float64(isa: str) -> None:
    # In a process of its own: where the rule is wrong, the process dies or hangs.
    done = subprocess.run(
        [forked.python(), "-c", SCRIPT],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": isa},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "43 networks\n"), done.stderr
