"""The same bits in every process, and code that is compiled once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import forked

PROGRAM = """
import hashlib, sys, torch
from pathlib import Path
from ticket_hub.data import load
from ticket_hub.networks import build, prunable_layers
from ticket_hub.recipe import DataSpec, TrainingSpec
from ticket_hub.training import sparse
from ticket_hub.training.member import Member
from ticket_hub.types import Architecture

torch.set_num_threads(1)
data = load(DataSpec(name="digits", validation=200), Path())
architecture = Architecture(name="lenet-30-20", channels=1, height=8, width=8, classes=10)
torch.manual_seed(1)
module = build(architecture)
mask = {layer.name: torch.rand(layer.shape) < 0.2 for layer in prunable_layers(module)}
member = Member(name="a", seed=1, level=0, weights=module.state_dict(), mask=mask)
training = TrainingSpec(iterations=200, batch_size=60, optimizer="adam", lr=3e-3)
backend = getattr(sparse, sys.argv[1])(architecture, data, training, [member])
backend.train(200)
digest = hashlib.sha256()
for value in backend.weights()[0].values():
    digest.update(value.numpy().tobytes())
loss, accuracy = backend.evaluate(data.test)[0].tolist()
kernels = sys.modules.get("ticket_hub.training.sparse.kernels")
hits = sum(kernels.train.stats.cache_hits.values()) if kernels else 0
print(digest.hexdigest(), loss, accuracy > 0.5, hits)
"""


CACHE = "from ticket_hub.training.sparse import kernels; print(kernels.train.stats.cache_path)"


def output(*command: str, python: str = sys.executable, **environment: str) -> str:
    """What a new process prints."""
    done = subprocess.run(
        [python, "-c", *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


def run(kind: str, python: str = sys.executable, **environment: str) -> tuple[str, int]:
    """What a new process trains, and how many compiled functions it found in the cache."""
    result, hits = output(PROGRAM, kind, python=python, **environment).rsplit(" ", 1)
    assert result.endswith("True"), result
    return result, int(hits)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tickets")


def test_the_compiled_backend_gives_the_same_bits_in_every_process() -> None:
    python = forked.python()
    (one, _), (other, hits) = (run("SparseNumba", python) for _ in range(2))
    assert one == other
    assert hits == 1  # of what was compiled for all tests


@pytest.fixture(scope="module")
def first(home: Path) -> tuple[str, int]:
    return run("SparseNumba", TICKET_HOME=str(home), NUMBA_CACHE_DIR="")


@pytest.mark.slow  # compiles everything anew
def test_where_nothing_is_compiled_the_first_process_does_it_once_for_all(
    home: Path, first: tuple[str, int]
) -> None:
    second = run("SparseNumba", TICKET_HOME=str(home), NUMBA_CACHE_DIR="")
    assert first[0] == second[0]
    assert (first[1], second[1]) == (0, 1)
    assert list((home / "cache").rglob("*.nbi"))


@pytest.mark.slow  # compiles everything once more
def test_narrow_registers_give_the_same_up_to_rounding(first: tuple[str, int]) -> None:
    python = forked.python()
    narrow, _ = run("SparseNumba", python, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    losses = [float(result.split(" ")[1]) for result in (first[0], narrow)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_eager_backend_gives_the_same_bits_in_every_process() -> None:
    assert run("SparseTorch") == run("SparseTorch", forked.python())


def test_without_a_folder_to_write_to_each_process_compiles_anew(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert (
        output(CACHE, python=forked.python(), TICKET_HOME=str(blocked), NUMBA_CACHE_DIR="")
        == "None"
    )


def test_a_folder_that_numba_was_given_is_used(tmp_path: Path) -> None:
    path = Path(output(CACHE, python=forked.python(), NUMBA_CACHE_DIR=str(tmp_path)))
    assert path.parent.parent == tmp_path
    assert path.parent.name.startswith("ticket-hub-")
