"""What the sparse backends cannot train, they say."""

from __future__ import annotations

import subprocess

import pytest
import torch
from torch import nn

from tests.helpers import forked
from ticket_hub.networks import build
from ticket_hub.recipe import TrainingSpec
from ticket_hub.training.sparse import SparseNumba, SparseTorch
from ticket_hub.types import Architecture

CPU = torch.device("cpu")
SPEC = TrainingSpec(iterations=1, batch_size=1, optimizer="sgd", lr=0.1)

both = pytest.mark.parametrize("kind", [SparseNumba, SparseTorch])


def lenet(**options: float) -> nn.Module:
    return build(
        Architecture(
            name="lenet-300-100",
            options=tuple(options.items()),
            channels=1,
            height=28,
            width=28,
            classes=10,
        )
    )


@both
def test_fully_connected_networks_on_a_cpu_are_accepted(
    kind: type[SparseNumba | SparseTorch],
) -> None:
    assert kind.refusal(lenet(), SPEC, CPU) is None


@both
@pytest.mark.parametrize(
    ("module", "precision", "device", "reason"),
    [
        (lenet(dropout=0.5), "float32", "cpu", "dropout"),
        (nn.Conv2d(1, 1, 1), "float32", "cpu", "Conv2d"),
        (lenet(), "bf16", "cpu", "bf16"),
        (lenet(), "float32", "cuda", "cuda"),
    ],
)
def test_everything_else_is_refused_with_the_reason(
    kind: type[SparseNumba | SparseTorch],
    module: nn.Module,
    precision: str,
    device: str,
    reason: str,
) -> None:
    spec = TrainingSpec(
        iterations=1,
        batch_size=1,
        optimizer="sgd",
        lr=0.1,
        precision=precision,  # type: ignore[arg-type]
    )
    assert reason in str(kind.refusal(module, spec, torch.device(device)))


def test_without_numba_the_refusal_names_the_extra_and_the_other_backend_works() -> None:
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "import torch\n"
        "from ticket_hub.networks.lenet import LeNet\n"
        "from ticket_hub.recipe import TrainingSpec\n"
        "from ticket_hub.training.sparse import SparseNumba, SparseTorch\n"
        "spec = TrainingSpec(iterations=1, batch_size=1, optimizer='sgd', lr=0.1)\n"
        "for kind in (SparseNumba, SparseTorch):\n"
        "    print(kind.refusal(LeNet(4, (3,), 2, 0.0), spec, torch.device('cpu')))\n"
    )
    done = subprocess.run(
        [forked.python(), "-c", program], capture_output=True, text=True, check=True
    )
    numba, plain = done.stdout.splitlines()
    assert "pip install 'numba>=" in numba
    assert plain == "None"


@pytest.mark.parametrize("kind", ["SparseNumba", "SparseTorch"])
def test_importing_the_backends_does_not_import_numba(kind: str) -> None:
    program = (
        f"from ticket_hub.training.sparse import {kind}; import sys; print('numba' in sys.modules)"
    )
    done = subprocess.run(
        [forked.python(), "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
