"""Pictures on disk reach a step decoded and uploaded ahead, and change none of its bits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers.once import once
from tests.helpers.order import batch_indices
from tests.helpers.populations import OPTIMIZERS, assert_same, network, population, spec
from tests.helpers.pretended_cuda import PretendedCuda
from ticket_hub.data import DataSet, PackedImages, data_pack, load, packed
from ticket_hub.data.pack_file import Pack
from ticket_hub.data.picture_decoding import decoded
from ticket_hub.networks import blank_module
from ticket_hub.recipe import DataSpec
from ticket_hub.training import Member, Trainer, train
from ticket_hub.training.batches import Batches
from ticket_hub.training.choice import BACKENDS
from ticket_hub.training.cost import count
from ticket_hub.training.disk_batches import AHEAD, DEVICE_BUFFERS, DiskBatches
from ticket_hub.training.memory import needed_bytes

MOVING = DataSpec(name="", storage="disk", validation=8, crop=2, flip=True)
CUT = replace(MOVING, crop="resized", size=12, short_side=16)


@pytest.fixture
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A folder of 48 small photographs, its name, and where its packs lie."""

    def make(folder: Path) -> None:
        generator = np.random.default_rng(2)
        for number in range(48):
            path = folder / ("test" if number % 6 == 0 else "train") / "abc"[number % 3]
            path.mkdir(parents=True, exist_ok=True)
            small = generator.integers(0, 255, (5, 5, 3), dtype=np.uint8)
            image = Image.fromarray(small).resize((16, 16), Image.Resampling.BICUBIC)
            image.save(path / f"{number:02d}.png")
        for short_side in (0, 16):
            data_pack(f"folder:{folder}", short_side=short_side, data_dir=folder / "packs")

    folder = once(tmp_path_factory, "photographs", make)
    return f"folder:{folder}", folder / "packs"


def data_of(pictures: tuple[str, Path], wanted: DataSpec) -> DataSet:
    name, place = pictures
    return load(replace(wanted, name=name), place)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedCuda]:
    """Two GPUs, whose convolutions lie as on a CPU, so that bits can be compared."""
    monkeypatch.setattr("ticket_hub.training.layout.CONTIGUOUS", set())
    with PretendedCuda(monkeypatch) as found:
        yield found


@pytest.mark.parametrize(
    ("backend", "wanted", "gpus"),
    [("lanes", MOVING, [0, 1]), ("lanes", CUT, [1]), ("plain", CUT, [1])],
)
def test_a_graph_trains_on_pictures_from_disk_with_the_bits_of_a_cpu(
    backend: str,
    wanted: DataSpec,
    gpus: list[int],
    pictures: tuple[str, Path],
    cuda: PretendedCuda,
) -> None:
    data = data_of(pictures, wanted)
    architecture = network(data, "conv-2")
    members = population(architecture, 2)
    training = spec(
        backend=backend, iterations=12, batch_size=4, evaluate_every=6, **OPTIMIZERS["momentum"]
    )
    here = train(architecture, data, training, members, workers=1)
    devices = [torch.device("cuda", index) for index in gpus]
    there = data.to(devices[0])
    assert isinstance(there.train.inputs, PackedImages)
    with Trainer(there, devices=devices) as trainer:
        results = trainer.train(architecture, training, members)
    for ours, theirs in zip(here, results, strict=True):
        assert_same(ours, theirs)
    captured = {"lanes": [9, 9], "plain": []}[backend]
    assert [graph.replays for graph in cuda.graphs] == captured


def test_no_step_waits_for_the_upload_of_its_pictures(
    pictures: tuple[str, Path], cuda: PretendedCuda
) -> None:
    data = data_of(pictures, CUT).to("cuda")
    architecture = network(data, "conv-2")
    training = spec(iterations=100, batch_size=4, **OPTIMIZERS["momentum"])
    engine = BACKENDS["lanes"](architecture, data, training, population(architecture, 1))
    engine.train(4)
    cuda.syncs.clear()
    cuda.pageable.clear()
    engine.train(40)
    assert cuda.syncs == []
    assert cuda.pageable == []


def test_places_for_pictures_count_in_what_a_gpu_needs(
    pictures: tuple[str, Path], cuda: PretendedCuda
) -> None:
    disk = data_of(pictures, CUT)
    memory = replace(disk, train=replace(disk.train, inputs=disk.train.inputs + 0))
    cost = count(blank_module(network(disk, "conv-2")), disk.input_shape)
    on_disk, in_memory = (
        needed_bytes(cost, data.to("cuda"), spec(batch_size=4), [2], 1, backend="lanes")
        for data in (disk, memory)
    )
    assert on_disk - in_memory == 2 * DEVICE_BUFFERS * 4 * 3 * 12 * 12
    assert cuda.graphs == []


def test_pictures_are_decoded_ahead_of_the_step_and_of_the_run(
    pictures: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all threads held up, so many steps wait: those of this run and the first of the next."""
    data = data_of(pictures, MOVING)
    assert isinstance(data.train.inputs, PackedImages)
    group = [Member(name="a", seed=0, level=0, weights={}, mask={})]
    batches = Batches(data, spec(iterations=50, batch_size=8), group)
    rows = batch_indices(0, 0, 0, 8, len(data.train))
    own = set(data.train.inputs.packed.places[rows].tolist())
    is_held, held = threading.Event(), threading.Event()
    real = decoded

    def decode(pack: Pack, place: int, *rest: Any) -> object:  # noqa: ANN401 - as it was
        if place not in own:
            is_held.set()
            held.wait(20)
        return real(pack, place, *rest)

    monkeypatch.setattr(packed, "decoded", decode)
    assert batches.load(0, 2) == 2
    batches.feed()  # returns while the second step's pictures are not decoded
    assert is_held.wait(20)
    pending = batches._pictures
    assert isinstance(pending, DiskBatches)
    assert sorted(pending._begun) == list(range(1, AHEAD))
    held.set()
    before = [batches.inputs()[0]]
    batches.advance()
    batches.feed()
    before.append(batches.inputs()[0])
    assert sorted(pending._begun) == list(range(2, 1 + AHEAD)), "the next run's steps are begun"
    assert batches.load(2, 4) == 2
    assert sorted(pending._begun) == list(range(2, 1 + AHEAD)), "and go on"
    assert not torch.equal(before[0], before[1])


def test_what_is_begun_ahead_changes_nothing_where_training_goes_on_elsewhere(
    pictures: tuple[str, Path],
) -> None:
    data = data_of(pictures, CUT)
    group = [Member(name="a", seed=3, level=1, weights={}, mask={})]
    training = spec(iterations=30, batch_size=8)

    def seen(batches: Batches, start: int, stop: int) -> list[Tensor]:
        found = []
        for _ in range(batches.load(start, stop)):
            batches.feed()
            found.append(batches.inputs()[0])
            batches.advance()
        return found

    whole = seen(Batches(data, training, group), 0, 30)
    jumping = Batches(data, training, group)
    for start, stop in ((0, 3), (20, 22), (2, 9), (9, 30)):
        for one, other in zip(seen(jumping, start, stop), whole[start:stop], strict=True):
            assert torch.equal(one, other)
