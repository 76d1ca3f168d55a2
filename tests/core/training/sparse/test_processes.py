"""The same bits in every process, and code that is compiled once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


def run(kind: str) -> tuple[str, int]:
    """What a new process trains, and how many compiled functions it found in the cache."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, check=True
    )
    result, hits = done.stdout.strip().rsplit(" ", 1)
    assert result.endswith("True"), result
    return result, int(hits)


def test_the_compiled_backend_gives_the_same_bits_in_every_process_and_compiles_once(
    own_home: Path,
) -> None:
    first, hits_of_first = run("SparseNumba")
    second, hits_of_second = run("SparseNumba")
    assert first == second
    assert (hits_of_first, hits_of_second) == (0, 1)
    assert list((own_home / "tickets" / "cache").rglob("*.nbi"))


def test_narrow_registers_give_the_same_up_to_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    wide, _ = run("SparseNumba")
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "")
    narrow, _ = run("SparseNumba")
    losses = [float(result.split(" ")[1]) for result in (wide, narrow)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_eager_backend_gives_the_same_bits_in_every_process() -> None:
    assert run("SparseTorch") == run("SparseTorch")


def test_without_a_folder_to_write_to_it_is_compiled_in_each_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("TICKET_HOME", str(blocked))
    result, _ = run("SparseNumba")
    assert result
