"""Worker processes: no result depends on them, and none outlives its parent."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.populations import assert_same, network, population, spec
from ticket_hub.data import DataSet
from ticket_hub.errors import DivergedError, MemoryLimitError, RecipeError, StoppedError
from ticket_hub.training import Progress, Trainer, train
from ticket_hub.training.checkpoint import FolderKeeper

HELPER = """
import os, signal

class Killer:
    def load(self, member):
        return None

    def save(self, member, state):
        os.kill(os.getpid(), signal.SIGKILL)

class Faulty(Killer):
    def save(self, member, state):
        raise ValueError("the shelf is broken")
"""


@pytest.fixture
def keepers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A module with keepers that worker processes can import."""
    (tmp_path / "odd_keepers.py").write_text(HELPER)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("odd_keepers")
    yield module
    del sys.modules["odd_keepers"]


@pytest.mark.usefixtures("forked_processes")
def test_one_worker_and_three_give_the_same_bits(digits: DataSet) -> None:
    seen: list[Progress] = []
    with Trainer(digits, workers=1) as one, Trainer(digits, workers=3) as three:
        for name, backend in (("lenet-24-16", "stack"), ("lenet-12", "plain")):
            architecture = network(digits, name)
            members, training = population(architecture, 5), spec(backend=backend)
            alone = one.train(architecture, training, members, snapshots=[5])
            spread = three.train(
                architecture, training, members, snapshots=[5], observe=seen.append
            )
            for left, right in zip(alone, spread, strict=True):
                assert_same(left, right)
                assert left.snapshots.keys() == right.snapshots.keys() == {5}
    assert {progress.member for progress in seen} == {f"trial-{i}" for i in range(5)}
    assert {progress.iteration for progress in seen} == {0, 10, 20, 30, 40}


@pytest.mark.usefixtures("forked_processes")
def test_an_error_of_a_worker_is_raised_as_what_it_is(digits: DataSet, tmp_path: Path) -> None:
    architecture = network(digits, "lenet-24-16")
    members = population(architecture, 4)
    backend = "stack"  # what works out gradients by transforms imports PyTorch's compiler
    wild = spec(optimizer="sgd", lr=1e20, iterations=20, backend=backend)
    with Trainer(digits, workers=2) as trainer:
        with pytest.raises(DivergedError, match=r"trial-\d at iteration 10"):
            trainer.train(architecture, wild, members)
        assert len(trainer.train(architecture, spec(backend=backend), members)) == 4


@pytest.mark.usefixtures("forked_processes")
def test_what_stopped_workers_have_done_is_gone_on_with_by_any_number_of_workers(
    digits: DataSet, tmp_path: Path
) -> None:
    architecture = network(digits, "lenet-24-16")
    members, training = population(architecture, 3), spec(iterations=4000, evaluate_every=200)
    keeper, far = FolderKeeper(folder=tmp_path), set[str]()

    def note(progress: Progress) -> None:
        if progress.iteration >= 200:
            far.add(progress.member)

    with Trainer(digits, workers=2) as trainer, pytest.raises(StoppedError):
        trainer.train(
            architecture,
            training,
            members,
            keeper=keeper,
            observe=note,
            should_stop=lambda: bool(far),
        )
    states = [keeper.load(member.name) for member in members]
    assert all(state is not None for state in states)
    resumed = train(architecture, digits, training, members, workers=1, keeper=keeper)
    undisturbed = train(architecture, digits, training, members, workers=1)
    for one, other in zip(undisturbed, resumed, strict=True):
        assert_same(one, other)


@pytest.mark.usefixtures("forked_processes")
def test_a_worker_that_the_system_kills_is_reported_as_out_of_memory(
    keepers: object, digits: DataSet
) -> None:
    architecture = network(digits, "lenet-24-16")
    members = population(architecture, 2)
    with Trainer(digits, workers=2) as trainer:
        with pytest.raises(MemoryLimitError, match="fewer workers"):
            trainer.train(
                architecture,
                spec(iterations=10**7),
                members,
                keeper=keepers.Killer(),  # type: ignore[attr-defined]
                checkpoint_seconds=0.0,
            )
        assert len(trainer.train(architecture, spec(), members)) == 2


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from ticket_hub.data import load\n"
        "from ticket_hub.recipe import DataSpec\n"
        "from ticket_hub.training.pool import Pool\n"
        "pool = Pool(load(DataSpec(name='digits', validation=300), Path('.')))\n"
        "pool.grow(2)\n"
        "print(*[process.number for process in pool.processes], flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    numbers = [int(word) for word in parent.stdout.readline().split()]
    assert len(numbers) == 2
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 60
    while any(_runs(number) for number in numbers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(number) for number in numbers)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("workers", [0, 1.5])
def test_fewer_than_one_worker_or_a_part_of_one_is_refused(digits: DataSet, workers: int) -> None:
    with pytest.raises(RecipeError, match=f"{workers} workers"):
        Trainer(digits, workers=workers)


SCRIPT = """
from torch import nn

from ticket_hub.networks import register
from ticket_hub.networks.prunable import Output


@register("only-here")
def build_mine(architecture):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), Output(8, 10))
"""


def test_a_network_that_only_this_program_knows_is_trained_in_it(digits: DataSet) -> None:
    exec(SCRIPT, {"__name__": "__main__"})  # as a program does that no process can import
    architecture = network(digits, "only-here")
    results = train(architecture, digits, spec(), population(architecture, 2), workers=2)
    assert [len(result.curves.iterations) for result in results] == [5, 5]
