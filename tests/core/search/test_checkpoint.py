from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from ticket_hub.training import Keeper, MemberState
from ticket_hub.training.checkpoint import FolderKeeper


def state(iteration: int) -> MemberState:
    generator = torch.Generator().manual_seed(iteration)
    buffer = torch.randn(12, generator=generator)
    readings = torch.rand(iteration, 5, dtype=torch.float64, generator=generator)
    readings[-1, 3:] = torch.nan
    return MemberState(
        iteration=iteration,
        tensors={"weights/fc.weight": buffer[:6].view(2, 3), "exp_avg/fc.weight": buffer[6:]},
        readings=readings,
        snapshots={1: {"fc.weight": buffer[:6].clone(), "norm.num_batches": torch.tensor(3)}},
    )


def assert_same(one: MemberState | None, other: MemberState) -> None:
    assert one is not None
    assert one.iteration == other.iteration
    assert one.tensors.keys() == other.tensors.keys()
    for name, value in one.tensors.items():
        assert torch.equal(value, other.tensors[name])
    assert one.readings.numpy().tobytes() == other.readings.numpy().tobytes()
    assert one.snapshots.keys() == other.snapshots.keys()
    for step, weights in one.snapshots.items():
        for name, value in weights.items():
            assert torch.equal(value, other.snapshots[step][name])


@pytest.fixture
def keeper(tmp_path: Path) -> FolderKeeper:
    return FolderKeeper(folder=tmp_path / "checkpoints/000", environment={"torch": "2"})


def test_what_was_kept_comes_back_bit_for_bit(keeper: FolderKeeper) -> None:
    assert isinstance(keeper, Keeper)
    assert keeper.load("trial-0") is None
    keeper.save("trial-0", state(3))
    assert_same(keeper.load("trial-0"), state(3))
    assert keeper.load("trial-1") is None


def test_a_keeper_works_in_another_process(keeper: FolderKeeper) -> None:
    pickle.loads(pickle.dumps(keeper)).save("trial-0", state(3))
    assert_same(keeper.load("trial-0"), state(3))


def test_two_generations_are_kept(keeper: FolderKeeper) -> None:
    for iteration in (3, 6, 9):
        keeper.save("trial-0", state(iteration))
    assert sorted(path.name for path in keeper.folder.iterdir()) == [
        "trial-0.000000000006.safetensors",
        "trial-0.000000000009.safetensors",
        "trial-0.json",
    ]
    assert_same(keeper.load("trial-0"), state(9))


def test_members_whose_names_begin_alike_do_not_meet(keeper: FolderKeeper) -> None:
    keeper.save("trial-1", state(3))
    for iteration in (3, 6, 9):
        keeper.save("trial-10", state(iteration))
    assert_same(keeper.load("trial-1"), state(3))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone"])
def test_a_bad_newest_generation_is_noticed_named_and_skipped(
    keeper: FolderKeeper, damage: str
) -> None:
    keeper.save("trial-0", state(3))
    keeper.save("trial-0", state(6))
    newest = keeper.folder / "trial-0.000000000006.safetensors"
    data = newest.read_bytes()
    if damage == "gone":
        newest.unlink()
    else:
        flipped = data[:-1] + bytes([data[-1] ^ 1])
        newest.write_bytes({"flip": flipped, "cut": data[:-9], "empty": b""}[damage])
    assert keeper.damaged("trial-0") == [newest.name]
    assert_same(keeper.load("trial-0"), state(3))
    keeper.save("trial-0", state(9))
    assert keeper.damaged("trial-0") == []
    (keeper.folder / "trial-0.000000000009.safetensors").unlink()
    assert_same(keeper.load("trial-0"), state(3))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"format": 1, "generations": [{}]}'])
def test_a_damaged_manifest_is_noticed(keeper: FolderKeeper, text: bytes) -> None:
    keeper.save("trial-0", state(3))
    (keeper.folder / "trial-0.json").write_bytes(text)
    assert keeper.damaged("trial-0") == ["trial-0.json"]
    assert keeper.load("trial-0") is None
    keeper.save("trial-0", state(6))
    assert_same(keeper.load("trial-0"), state(6))


def test_a_finished_level_needs_no_checkpoints(keeper: FolderKeeper) -> None:
    keeper.save("trial-0", state(3))
    keeper.clear()
    assert not keeper.folder.exists()
    assert keeper.damaged("trial-0") == []
