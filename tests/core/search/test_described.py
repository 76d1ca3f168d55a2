"""A search for a network and data of one's own, described in one line of Python."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ticket_hub import (
    FindResult,
    Ticket,
    analyze,
    cite_bundle,
    compare,
    find,
    plugins,
    provenance_statement,
    pull_bundle,
    push_bundle,
    retrain,
    transfer_tickets,
    verify_bundle,
)
from ticket_hub.bundle import open_bundle
from ticket_hub.data import keep, load
from ticket_hub.errors import (
    DataError,
    NetworkError,
    RecipeError,
    RunMismatchError,
    StoppedError,
    TicketNotFoundError,
)
from ticket_hub.networks import architecture_for, register_factory, set_kind
from ticket_hub.search.described import described

X = np.random.default_rng(5).normal(size=(200, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
BRIEF = {
    "search.levels": 1,
    "search.trials": 2,
    "training.iterations": 20,
    "training.evaluate_every": 10,
}
FILE = """
import torch
from torch import nn

def make(width=6):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))
"""


class Net(nn.Module):
    def __init__(self, inputs: int = 4, width: int = 6) -> None:
        super().__init__()
        self.body = nn.Linear(inputs, width)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.relu(self.body(x)))
        return logits


class Words(nn.Module):
    def __init__(self, words: int = 30) -> None:
        super().__init__()
        self.words = nn.Embedding(words, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, numbers: Tensor) -> Tensor:
        logits: Tensor = self.head(self.words(numbers).mean(1))
        return logits


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TICKET_DATA", str(tmp_path / "data"))


def quick(network: object = Net, data: object = (X, Y), **options: Any) -> FindResult:  # noqa: ANN401 - find's own
    options = {"workers": 1} | options
    changes = BRIEF | options.pop("changes", {})
    return find(network=network, data=data, changes=changes, **options)  # type: ignore[arg-type]


def test_a_class_and_a_table_become_tickets_that_load_where_the_class_is(tmp_path: Path) -> None:
    found = quick()
    assert found.recipe.network.name == f"python:{__name__}.Net"
    assert (found.recipe.data.normalize, found.recipe.data.validation) == ("standard", 16)
    ticket = Ticket.load(found.bundle, level=1)
    module = ticket.build()
    assert isinstance(module, Net)
    assert module(torch.ones(5, 4)).shape == (5, 3)
    (record,) = open_bundle(found.bundle).manifest.plugins
    assert (record.file, record.key) == (Path(__file__).name, "network.name")
    again = quick()
    assert (again.run, again.levels) == (found.run, found.levels)


def test_trials_and_levels_are_said_as_on_the_command_line() -> None:
    found = quick(trials=1, levels=0)
    assert (found.recipe.search.trials, found.recipe.search.levels) == (1, 0)
    assert found.run == quick(changes=BRIEF | {"search.trials": 1, "search.levels": 0}).run


def test_a_run_goes_on_with_the_same_arguments_and_refuses_others(tmp_path: Path) -> None:
    asked = iter([False] * 2)
    run = {"run_folder": tmp_path / "run"}
    with pytest.raises(StoppedError):
        quick(lambda: Net(), should_stop=lambda: next(asked, True), **run)  # noqa: PLW0108
    name = f"python:{__name__}.test_a_run_goes_on_with_the_same_arguments_and_refuses_others"
    for others in ((X + 1, Y), (X, 2 - Y)):
        with pytest.raises(RunMismatchError, match="holds a run of"):
            quick(lambda: Net(), others, **run)  # noqa: PLW0108
    with pytest.raises(RunMismatchError, match="holds a run of"):
        quick(Net, **run)
    with pytest.raises(NetworkError, match=r"another network than before: 'body\.bias' was"):
        quick(lambda: Net(width=7), **run)
    found = quick(lambda: Net(), **run)  # noqa: PLW0108
    assert found.recipe.network.name.startswith(name)
    assert [level.index for level in found.levels] == [0, 1]
    undisturbed = quick(lambda: Net(), run_folder=tmp_path / "other")  # noqa: PLW0108
    ids = [
        [ticket.id for level in open_bundle(each.bundle).levels for ticket in level.tickets]
        for each in (found, undisturbed)
    ]
    assert ids[0] == ids[1]


def test_numbers_of_words_go_to_what_looks_them_up() -> None:
    numbers = np.random.default_rng(0).integers(1, 30, size=(200, 7))
    found = quick(Words, (numbers, Y))
    assert dict(found.recipe.network.options) == {"inputs": "tokens"}
    assert Ticket.load(found.bundle, level=1).build()(torch.ones(2, 7).long()).shape == (2, 3)


def test_networks_of_words_read_numbers_of_words_whoever_made_them(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(1, 30, size=(40, 7))
    data = (numbers, Y[:40])
    names = {
        described(None, network, data, {}, tmp_path).data.name
        for network in ("encoder-1-32", "transformers:bert")
    }
    assert names == {keep(data, tmp_path, tokens=True)}
    few = {"network.options": {"max_position_embeddings": 4}}
    wanted = described(None, "transformers:bert", data, few, tmp_path)
    with pytest.raises(NetworkError, match="7"):
        architecture_for(wanted.network, load(wanted.data, tmp_path).input_shape, 3)


def test_a_recipe_gives_what_is_not_said(tmp_path: Path) -> None:
    pictures = np.random.default_rng(1).integers(0, 255, size=(100, 6, 6), dtype=np.uint8)
    stacked = BRIEF | {"training.backend": "stack"}
    found = find("digits-quick", data=(pictures, np.arange(100) % 4), changes=stacked)
    assert found.recipe.network.name == "lenet-100-50"
    assert found.recipe.data.validation == 8
    assert found.recipe.training.lr == 3e-3


BUILT = Net()


@pytest.mark.parametrize(
    ("network", "data", "error", "message"),
    [
        (BUILT, (X, Y), NetworkError, "built already"),
        (lambda: nn.BatchNorm1d(4), (X, Y), NetworkError, "no prunable layer"),
        (lambda: Net(inputs=5), (X, Y), NetworkError, "cannot take examples of shape"),
        (Net, (X, Y % 2), NetworkError, "for 2 examples of 2 classes"),
        (lambda: Words(9), (np.full((90, 3), 9), Y[:90]), NetworkError, "the data's own examples"),
        (Net, None, RecipeError, "neither a recipe nor both"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_trained(
    network: object, data: object, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        quick(network, data, run_folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], nn.Module]]:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setenv(plugins.VARIABLE, "")
    (tmp_path / "travelling_net.py").write_text(FILE)
    importlib.invalidate_caches()
    yield importlib.import_module("travelling_net").make
    monkeypatch.delitem(sys.modules, "travelling_net")


@pytest.mark.usefixtures("forked_processes")
def test_a_function_of_a_file_travels_to_training_processes_and_its_bundle_names_it(
    module: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ticket_hub.networks import factory

    dense = {"search.levels": 0, "training.backend": "plain"}
    found = quick(module, workers=2, changes=dense)
    here = quick(module, changes=dense, run_folder=found.run / "../here")
    assert found.levels == here.levels
    name = register_factory(module)
    monkeypatch.delitem(factory._given, name)
    with pytest.raises(NetworkError, match="is not registered here") as refused:
        Ticket.load(found.bundle, level=0)
    assert "--import travelling_net.py" in refused.value.remedy
    assert "sha256" in refused.value.remedy
    register_factory(lambda: module(), name)  # noqa: PLW0108 - a colleague's own function
    assert Ticket.load(found.bundle, level=0).density == 1


def test_tickets_are_trained_on_other_examples_that_are_given(tmp_path: Path) -> None:
    run = quick().run
    other = X[:120], Y[::-1][:120].copy()
    asked: dict[str, Any] = {"trials": 2, "against": ["reinit"], "workers": 1}
    done = retrain(f"{run}:1", dataset=other, **asked)
    assert done.spec.data_name == keep(other)
    assert done.spec.data.validation == 9  # a tenth of what a fifth for the test leaves
    again = retrain(f"{run}:1", dataset=other, changes={"data.validation": 30}, **asked)
    assert (again.spec.data.validation, again.run != done.run) == (30, True)
    moved = transfer_tickets(f"{run}:1", [other, (X, Y)], **asked)
    assert [cell.data for cell in moved.matrix.cells] == [keep(other), keep((X, Y))]
    with pytest.raises(DataError, match="The train part is a int"):
        retrain(f"{run}:1", dataset=7)


def test_words_that_are_given_to_a_ticket_go_to_what_looks_them_up() -> None:
    numbers, labels = np.random.default_rng(1).integers(1, 30, (80, 6)), np.arange(80) % 3
    run = quick(Words, (numbers, labels)).run
    done = retrain(f"{run}:1", dataset=(numbers[:60], labels[:60]), trials=2, against=["reinit"])
    assert done.levels[0].verdict.n == 2


def test_pictures_of_several_sizes_are_scaled_to_the_size_that_is_asked_for() -> None:
    drawn = np.random.default_rng(2).integers(0, 255, (60, 10, 12), dtype=np.uint8)
    pictures = [Image.fromarray(each[: 8 + place % 3]) for place, each in enumerate(drawn)]
    data = pictures, np.arange(60) % 3
    with pytest.raises(DataError, match="3 different sizes") as refused:
        quick("conv-2", data)
    assert "data.size" in refused.value.remedy
    changes = {"data.size": 8, "training.iterations": 10}
    run = quick("conv-2", data, changes=changes).run
    done = retrain(f"{run}:1", dataset=data, trials=2, against=["reinit"], workers=1)
    assert (done.spec.data_name, done.spec.data.size) == (keep(data, size=8), 8)


class Rows(nn.Module):
    """Reads a sequence of any length."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 3)
        set_kind(self.rows, "fc", "weight_ih_l0", "weight_hh_l0")

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.rows(x.transpose(1, 2))[0][:, -1])
        return logits


def test_sequences_of_another_length_are_read_by_what_takes_any() -> None:
    drawn, labels = np.random.default_rng(4).normal(size=(90, 3, 12)), np.arange(90) % 3
    run = quick(Rows, (drawn[:, :, :6].astype(np.float32), labels)).run
    longer = drawn.astype(np.float32), labels
    asked: dict[str, Any] = {"trials": 2, "against": ["reinit"], "workers": 1}
    with pytest.raises(DataError) as refused:
        retrain(f"{run}:1", dataset=longer, **asked)
    assert "--images keep" in refused.value.remedy
    done = retrain(f"{run}:1", dataset=longer, images="keep", **asked)
    assert done.spec.data_name == keep(longer)


def test_what_one_function_gives_another_takes(tmp_path: Path) -> None:
    found = quick()
    asked: dict[str, Any] = {"trials": 2, "against": ["reinit"], "workers": 1}
    ticket = Ticket.load(found, level=1)
    done = retrain(ticket, **asked)
    assert [level.level for level in done.levels] == [1]
    assert retrain(f"{found.run}:1", **asked).run == done.run
    assert verify_bundle(found).holds
    assert provenance_statement(found)["subject"]
    assert cite_bundle(found).bibtex
    assert {each.level for each in analyze(ticket, only="overlap", others=[ticket]).findings} == {1}
    hub = tmp_path / "hub"
    pushed = push_bundle(found, "ann/mine", hub=hub, evidence=[done], by="Ann")
    pulled = pull_bundle("ann/mine:all", hub=hub)
    assert Ticket.load(pulled, level=1).id == ticket.id
    assert len(compare([found, pulled]).studies) == 2
    assert pushed.repo == "ann/mine"
    with pytest.raises(TicketNotFoundError, match="A Ticket names no ticket"):
        retrain(replace(ticket, folder=None))
