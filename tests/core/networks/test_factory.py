"""Classes and functions of the user's own that build the network."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

import ticket_hub
from tests.helpers import forked
from ticket_hub import plugins
from ticket_hub.bundle import verify_bundle
from ticket_hub.errors import NetworkError
from ticket_hub.networks import architecture_for, blank_module, build, register_factory
from ticket_hub.networks.registry import home_module, is_registered
from ticket_hub.plugin_origin import Plugin, plugin_of
from ticket_hub.recipe import NetworkSpec, TrainingSpec
from ticket_hub.training.process import can_import
from ticket_hub.types import Architecture

FILE = """
import torch
from torch import nn
from os import getcwd

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x):
        return self.layer(x)

def annotated() -> nn.Module:
    return Net()

def bare():
    raise AssertionError("a name alone calls nothing that is not said to build a module")

def no_module() -> int:
    return bare()
"""


class Net(nn.Module):
    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.scale = float(torch.rand(()))  # which meta tensors cannot say
        self.layer = nn.Linear(4, classes)

    def forward(self, x: Tensor) -> Tensor:
        assert x.ndim == 2
        logits: Tensor = self.layer(x)
        return logits


def architecture(
    name: str, shape: tuple[int, int, int] = (4, 1, 1), **options: str
) -> Architecture:
    return architecture_for(NetworkSpec(name=name, options=options), shape, 3)


class Inverse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor = x @ torch.linalg.inv(self.layer.weight)
        return product


TRY = """
import sys
from torch import nn
from ticket_hub.networks import architecture_for, register_factory
from ticket_hub.recipe import NetworkSpec
name = register_factory(lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)))
print(architecture_for(NetworkSpec(name=name), (4, 1, 1), 3).classes)
assert "torch._dynamo" not in sys.modules
"""


def test_a_network_is_tried_without_the_compiler_whose_import_takes_seconds() -> None:
    tried = subprocess.run(
        [forked.python(), "-c", TRY], capture_output=True, text=True, check=False
    )
    assert (tried.returncode, tried.stdout) == (0, "3\n"), tried.stderr


def test_a_network_that_takes_no_zeros_is_tried_without_values() -> None:
    name = register_factory(Inverse)
    assert architecture(name, (3, 1, 1)).classes == 3
    with pytest.raises(NetworkError, match="cannot take examples of shape"):
        architecture(name, (4, 1, 1))


def test_a_class_is_built_from_the_seed_alone() -> None:
    made = architecture(register_factory(Net))
    assert made.name == f"python:{__name__}.Net"
    torch.manual_seed(9)
    state = torch.get_rng_state()
    one, same, other = (cast("Net", build(made, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.layer.weight, same.layer.weight)
    assert one.scale == same.scale
    assert not torch.equal(one.layer.weight, other.layer.weight)
    assert one(torch.ones(2, 4, 1, 1)).shape == one(torch.ones(2, 4)).shape == (2, 3)
    assert blank_module(made).get_parameter("layer.weight").is_meta


def test_the_inputs_have_the_shape_that_their_author_gave() -> None:
    seen: list[tuple[tuple[int, ...], torch.dtype]] = []

    class Any(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 3)

        def forward(self, x: Tensor) -> Tensor:
            seen.append((tuple(x.shape), x.dtype))
            logits: Tensor = self.layer(x.flatten(1).float().mean(1, keepdim=True))
            return logits

    name = register_factory(Any)
    for options, shape in (
        ({}, (4, 1, 1)),
        ({}, (1, 8, 8)),
        ({"inputs": "sequence"}, (2, 1, 9)),
        ({"inputs": "tokens"}, (50, 1, 7)),
    ):
        architecture(name, shape, **options)
    assert seen == [
        ((2, 4), torch.float32),
        ((2, 1, 8, 8), torch.float32),
        ((2, 2, 9), torch.float32),
        ((2, 7), torch.int64),
    ]


def test_what_asks_for_the_architecture_is_built_for_the_data() -> None:
    def fitting(architecture: Architecture) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(architecture.channels, architecture.classes))

    module = build(architecture(register_factory(fitting), (7, 1, 1)))
    assert module.get_parameter("1.weight").shape == (3, 7)


BUILT = Net()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (BUILT, "built already"),
        (lambda: BUILT, "the same module at every call"),
        (lambda: 3, "gives a int"),
        (lambda: 1 / 0, "failed: ZeroDivisionError"),
        (lambda: nn.BatchNorm1d(4), "no prunable layer"),
        (lambda: nn.Sequential(nn.LazyLinear(3)), "has no shape yet"),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), "computed from other"),
        (lambda: prune.l1_unstructured(nn.Linear(4, 3), "weight", 0.5), "computed from other"),
        (lambda: nn.Linear(5, 3), r"cannot take examples of shape \(4,\): RuntimeError"),
        (lambda: Net(5), r"gives the shape \(2, 5\) for 2 examples of 3 classes"),
    ],
)
def test_what_cannot_be_a_network_is_refused(make: object, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        architecture(register_factory(make))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[types.ModuleType]:
    file = tmp_path_factory.mktemp("nets") / "some_nets.py"
    file.write_text(FILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(plugins.VARIABLE, "")
        patch.setattr(sys, "path", [*sys.path])
        yield plugins.use(str(file))
        patch.delitem(sys.modules, "some_nets")


def test_a_name_alone_calls_only_what_builds_modules_in_an_imported_file(
    imported: types.ModuleType,
) -> None:
    for name in ("Net", "annotated"):
        module = build(architecture(f"python:some_nets.{name}"))
        assert module.get_parameter("layer.weight").shape == (3, 4)
        assert plugin_of(home_module(f"python:some_nets.{name}")) == Plugin(
            file="some_nets.py", sha256=hashlib.sha256(FILE.encode()).hexdigest()
        )
    for name in ("bare", "no_module", "getcwd", "nn.Module", "absent"):
        assert not is_registered(f"python:some_nets.{name}")
    for name in ("python:os.getcwd", "python:torch.nn.Identity", "python:builtins.print"):
        with pytest.raises(NetworkError, match="not imported here"):
            architecture(name)


def test_the_file_of_a_class_is_on_record_and_other_processes_import_it(
    imported: types.ModuleType,
) -> None:
    home = home_module(register_factory(imported.Net))
    plugin = plugin_of(home)
    assert plugin is not None
    assert (home, plugin.file, can_import(home)) == ("some_nets", "some_nets.py", True)


def test_what_no_file_names_is_trained_in_one_process() -> None:
    home = home_module(register_factory(lambda: Net()))  # noqa: PLW0108 - a lambda is the point
    assert not can_import(home)
    assert str(plugin_of(home)) == "no file"


def test_a_forward_pass_that_draws_is_not_vectorized() -> None:
    from ticket_hub.data import DataSet, Part
    from ticket_hub.recipe import DataSpec
    from ticket_hub.training.choice import choose

    class Drawing(Net):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(nn.functional.dropout(x, training=self.training))

    part = Part(inputs=torch.zeros(8, 4, 1, 1), labels=torch.zeros(8, dtype=torch.int64))
    data = DataSet(
        spec=DataSpec(name="x"),
        train=part,
        validation=part,
        test=part,
        classes=3,
        mean=torch.zeros(4),
        std=torch.ones(4),
        fingerprint="",
    )
    training = TrainingSpec(iterations=1, batch_size=4, optimizer="adam", lr=0.1, evaluate_every=1)
    chosen = {
        kind: choose(blank_module(architecture(register_factory(kind))), training, data, 1.0)
        for kind in (Net, Drawing)
    }
    assert chosen == {Net: "vmap", Drawing: "plain"}


class Dashed(nn.Module):
    """Its layers have dashes in their names, as those of torchvision's RegNets."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("block-0", nn.Linear(4, 8))
        self.add_module("block-1", nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.get_submodule("block-0")(x.flatten(1)).relu()
        logits: Tensor = self.get_submodule("block-1")(hidden)
        return logits


def test_names_of_layers_may_have_dashes(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    data = torch.rand(100, 4, generator=generator), torch.arange(100) % 3
    changes = {"search.levels": 1, "search.trials": 1, "training.iterations": 5}
    found = ticket_hub.find(
        network=Dashed,
        data=data,
        changes=changes | {"training.evaluate_every": 5},
        run_folder=tmp_path / "run",
        workers=1,
    )
    assert verify_bundle(found.bundle).holds
    pushed = ticket_hub.push_bundle(found.bundle, "ann/dashed", hub=tmp_path / "hub")
    pulled = ticket_hub.pull_bundle(f"{pushed.repo}:1", hub=tmp_path / "hub")
    ticket = ticket_hub.Ticket.load(pulled.folder, level=1)
    assert [*ticket.mask] == ["block-0.weight", "block-1.weight"]
    weight = ticket.build().get_parameter("block-0.weight")
    assert not weight[~ticket.mask["block-0.weight"]].any()
