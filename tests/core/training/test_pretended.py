"""Training on GPUs that are only pretended: what a GPU would refuse or get wrong fails here."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from tests.helpers.populations import OPTIMIZERS, assert_same, network, population, spec
from tests.helpers.pretended_cuda import PretendedCuda
from ticket_hub.data import DataSet
from ticket_hub.errors import MemoryLimitError, StoppedError
from ticket_hub.networks import blank_module, build
from ticket_hub.training import Progress, Trainer, train
from ticket_hub.training.checkpoint import FolderKeeper
from ticket_hub.training.choice import BACKENDS as KINDS
from ticket_hub.training.cost import count
from ticket_hub.training.flat import PADDING
from ticket_hub.training.layout import lay_out
from ticket_hub.training.memory import GRAPH, WORKSPACES, needed_bytes
from ticket_hub.training.stack import Stack

LEAVING = spec(
    backend="stack", iterations=24, evaluate_every=2, patience=1, optimizer="sgd", lr=1.0
)
"""A training in which some members run out of patience before others."""


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedCuda]:
    """Two GPUs."""
    with PretendedCuda(monkeypatch) as found:
        yield found


def test_what_a_gpu_refuses_is_refused(cuda: PretendedCuda) -> None:
    here, first, second = (torch.ones(3, device=place) for place in ("cpu", "cuda:0", "cuda:1"))
    for operands in ((first, second), (first, here)):
        with pytest.raises(RuntimeError, match="would refuse"):
            torch.add(*operands)
    graph = torch.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="previous error"), torch.cuda.graph(graph):
        first.sum().item()
    assert torch.add(first, torch.tensor(2.0)).tolist() == [3.0, 3.0, 3.0]
    assert cuda.syncs == ["copy_"]


def test_what_the_host_bakes_into_a_graph_stays_as_it_was(cuda: PretendedCuda) -> None:
    total, counted = torch.zeros((), device="cuda"), 0
    rate = torch.tensor(1.0)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        counted += 1
        total.add_(rate.mul_(2)).add_(torch.ones((), device="cuda"))
    assert total.item() == 0
    for _ in range(3):
        rate.fill_(100)
        graph.replay()
    assert (total.item(), counted) == (9, 1)
    assert [graph.nodes for graph in cuda.graphs] == [3]


def test_a_stream_that_does_not_wait_is_found(cuda: PretendedCuda) -> None:
    value, side = torch.zeros(3, device="cuda"), torch.cuda.Stream()
    with torch.cuda.stream(side), pytest.raises(AssertionError, match="before it is written"):
        value.add_(1)
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        value.add_(1)
    with pytest.raises(AssertionError, match="before it is written"):
        value.sum()
    torch.cuda.synchronize()
    assert value.sum().item() == 6
    assert cuda.waits == 1


def test_pinned_memory_that_is_overwritten_in_flight_is_found(cuda: PretendedCuda) -> None:
    source, goal = torch.zeros(3, pin_memory=True), torch.zeros(3, device="cuda")
    goal.copy_(source, non_blocking=True)
    event, spinning = torch.cuda.Event(blocking=True), torch.cuda.Event()
    with pytest.raises(AssertionError, match="keeps a core busy"):
        spinning.synchronize()
    event.record(torch.cuda.current_stream())
    event.synchronize()
    cuda.memory.check_flying()
    source.fill_(1)
    goal.copy_(source, non_blocking=True)
    source.fill_(2)
    with pytest.raises(AssertionError, match="in flight"):
        goal.sum().item()
    source.fill_(1)
    assert cuda.pageable == []


@pytest.mark.parametrize(
    ("backend", "rule"),
    [
        ("stack", "momentum"),
        ("stack", "adam"),
        ("stack", "adamw"),
        ("plain", "momentum"),
        ("lanes", "momentum"),
        ("lanes", "adam"),
        ("vmap", "momentum"),
    ],
)
def test_a_gpu_trains_as_a_cpu(
    backend: str, rule: str, digits: DataSet, cuda: PretendedCuda
) -> None:
    architecture = network(digits, "lenet-24-16")
    members = population(architecture, 2)
    training = spec(backend=backend, iterations=12, evaluate_every=6, **OPTIMIZERS[rule])
    here = train(architecture, digits, training, members, workers=1)
    there = train(architecture, digits.to("cuda:1"), training, members)
    for ours, theirs in zip(here, there, strict=True):
        if rule == "momentum":
            assert_same(ours, theirs)
        for layer, value in ours.weights.items():
            torch.testing.assert_close(value, theirs.weights[layer], rtol=0, atol=1e-6)
    assert cuda.current == 0
    graphs = {"plain": 0, "lanes": len(members)}.get(backend, 1)
    assert [graph.replays for graph in cuda.graphs] == [9] * graphs


@pytest.mark.parametrize("backend", ["stack", "vmap", "lanes"])
def test_no_cycle_keeps_what_was_trained_in_a_gpus_memory(
    backend: str, digits: DataSet, cuda: PretendedCuda
) -> None:
    architecture, data = network(digits, "lenet-24-16"), digits.to("cuda:1")
    members, training = population(architecture, 2), spec(backend=backend, iterations=5)
    train(architecture, data, training, members)
    gc.collect()
    before = cuda.memory.live_bytes(data.device)
    gc.disable()
    try:
        train(architecture, data, training, members)
        assert cuda.memory.live_bytes(data.device) == before
    finally:
        gc.enable()


@pytest.mark.parametrize("test", ["curve", "chosen"])
def test_members_that_go_on_alone_never_have_memory_twice(
    test: Literal["curve", "chosen"], digits: DataSet, cuda: PretendedCuda
) -> None:
    architecture, data = network(digits, "lenet-300-100"), digits.to("cuda:1")
    members = population(architecture, 3)
    used: list[int] = []
    cuda.failure = lambda _: used.append(cuda.memory.live_bytes(data.device))
    results = train(architecture, data, dataclasses.replace(LEAVING, test=test), members)
    assert len({result.iterations for result in results}) > 1
    assert used.index(max(used)) < len(used) // 2, "the most is used while all are there"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
    ids=["allocator", "driver", "cublas", "cudnn"],
)
def test_a_gpus_memory_errors_are_told_in_every_guise(
    error: RuntimeError, digits: DataSet, cuda: PretendedCuda
) -> None:
    def fail(name: str) -> None:
        if name == "baddbmm":
            try:
                raise error
            finally:
                # what fails next for its sake hides the first error
                raise RuntimeError("CUDA error: invalid argument")

    architecture, data = network(digits, "lenet-24-16"), digits.to("cuda:1")
    cuda.failure = fail
    with pytest.raises(MemoryLimitError, match="used up the memory of cuda:1"):
        train(architecture, data, spec(backend="stack"), population(architecture, 2))


def test_memory_that_is_used_up_in_a_capture_costs_only_speed(
    digits: DataSet, cuda: PretendedCuda
) -> None:
    architecture, members = (
        network(digits, "lenet-24-16"),
        population(network(digits, "lenet-24-16"), 2),
    )
    training = spec(backend="lanes", iterations=8, **OPTIMIZERS["momentum"])
    here = train(architecture, digits, training, members, workers=1)

    def fail(name: str) -> None:
        if cuda.capturing is not None and name == "_fused_sgd_":
            raise torch.OutOfMemoryError("CUDA out of memory.")

    cuda.failure = fail
    for ours, theirs in zip(
        here, train(architecture, digits.to("cuda"), training, members), strict=True
    ):
        assert_same(ours, theirs)


LAUNCHES = {
    "stack": ("digits", "lenet-24-16", 31),
    "vmap": ("digits", "lenet-24-16", 57),
    "lanes": ("colours", "conv-2", 55),
}
"""The most operations of a captured step, each a launch on a GPU; they may only fall."""


@pytest.mark.parametrize("backend", LAUNCHES)
def test_no_step_waits_for_the_device_or_copies_from_memory_that_is_not_pinned(
    backend: str, digits: DataSet, colours: DataSet, cuda: PretendedCuda
) -> None:
    where, name, most = LAUNCHES[backend]
    moving = dataclasses.replace(colours.spec, flip=True, crop=1)
    data = {"digits": digits, "colours": dataclasses.replace(colours, spec=moving)}[where]
    architecture = network(data, name)
    training = spec(backend=backend, batch_size=4, **OPTIMIZERS["momentum"])
    engine = KINDS[backend](architecture, data.to("cuda"), training, population(architecture, 2))
    engine.train(4)
    cuda.syncs.clear()
    cuda.pageable.clear()
    before = cuda.launches
    for stop in (6, 8, 9, 12):  # more runs than there are buffers
        engine.train(stop)
    assert cuda.syncs == []
    assert cuda.pageable == []
    assert all(graph.replays == 9 for graph in cuda.graphs)
    assert max(graph.nodes for graph in cuda.graphs) <= most
    # tables are written once a run, and no step but those of the graphs launches anything
    assert cuda.launches - before <= 4 * 2 * (8 if where == "digits" else 60)


@pytest.mark.parametrize("case", ["augmented", "dropout", "dropout with lanes that share"])
def test_what_is_drawn_at_random_is_drawn_alike_in_a_graph(
    case: str,
    digits: DataSet,
    colours: DataSet,
    cuda: PretendedCuda,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # convolutions lie as on a CPU, so that bits can be compared
    monkeypatch.setattr("ticket_hub.training.layout.CONTIGUOUS", set())
    moving = dataclasses.replace(colours.spec, flip=True, crop=1)
    data = dataclasses.replace(colours, spec=moving) if case == "augmented" else digits
    options = {} if case == "augmented" else {"dropout": 0.5}
    architecture = network(data, "conv-2" if case == "augmented" else "lenet-24-16", **options)
    members = population(architecture, 1 if case == "dropout" else 2)
    training = spec(
        backend="lanes", iterations=8, batch_size=4, evaluate_every=8, **OPTIMIZERS["momentum"]
    )
    here = train(architecture, data, training, members, workers=1)
    state = torch.cuda.get_rng_state("cuda:1")
    there = train(architecture, data.to("cuda:1"), training, members)
    for ours, theirs in zip(here, there, strict=True):
        assert_same(ours, theirs)
    assert [graph.replays for graph in cuda.graphs] == [5] * len(members)
    assert torch.equal(torch.cuda.get_rng_state("cuda:1"), state)


def test_both_gpus_train_in_one_process(digits: DataSet, cuda: PretendedCuda) -> None:
    architecture = network(digits, "lenet-24-16")
    members, training = population(architecture, 1), spec(iterations=8, **OPTIMIZERS["momentum"])
    results = [
        train(architecture, digits.to(place), training, members)[0]
        for place in ("cuda:0", "cuda:1", "cuda:0")
    ]
    for result in results[1:]:
        assert_same(results[0], result)
    assert [graph.replays for graph in cuda.graphs] == [5, 5, 5]


def test_members_leave_and_training_is_resumed_with_the_bits_of_a_cpu(
    digits: DataSet, cuda: PretendedCuda, tmp_path: Path
) -> None:
    architecture = network(digits, "lenet-300-100")
    members = population(architecture, 3)
    seen: list[Progress] = []
    here = train(architecture, digits, LEAVING, members, workers=1)
    keeper = FolderKeeper(folder=tmp_path)
    with pytest.raises(StoppedError):
        train(
            architecture,
            digits.to("cuda"),
            LEAVING,
            members,
            keeper=keeper,
            observe=seen.append,
            should_stop=lambda: len(seen) > 4,
        )
    there = train(architecture, digits.to("cuda"), LEAVING, members, keeper=keeper)
    for ours, theirs in zip(here, there, strict=True):
        assert_same(ours, theirs)
    assert len({result.iterations for result in there}) > 1


def test_a_population_that_does_not_fit_a_gpu_is_trained_in_groups(
    digits: DataSet, cuda: PretendedCuda
) -> None:
    architecture = network(digits, "lenet-24-16")
    members, data = population(architecture, 4), digits.to("cuda")
    training = spec(backend="stack", iterations=6, evaluate_every=6, **OPTIMIZERS["momentum"])
    here = train(architecture, digits, training, members, workers=1)
    cost = count(blank_module(architecture), digits.input_shape)
    four, two, one = (needed_bytes(cost, data, training, [k], 1) for k in (4, 2, 1))
    cuda.total = cuda.memory.live_bytes(data.device) + (four + two) // 2
    for ours, theirs in zip(here, train(architecture, data, training, members), strict=True):
        assert_same(ours, theirs)
    assert [graph.replays for graph in cuda.graphs] == [3, 3]
    cuda.total -= four
    with pytest.raises(MemoryLimitError, match=r"needs about \d+\.\d GB on cuda:0"):
        train(architecture, data, training, members)
    assert one < two < four


def test_a_graph_and_an_evaluation_count_in_what_a_gpu_needs(
    colours: DataSet, cuda: PretendedCuda
) -> None:
    architecture = network(colours, "conv-2")
    cost, data = count(blank_module(architecture), colours.input_shape), colours.to("cuda")
    one = needed_bytes(cost, data, spec(), [1], 1, backend="lanes")
    four = needed_bytes(cost, data, spec(), [4], 1, backend="lanes")
    eager = needed_bytes(cost, data, spec(), [4], 1, backend="plain")
    step, member = cost.step_bytes(spec()), cost.member_bytes(spec())
    assert four - one == 3 * (step + member + GRAPH + WORKSPACES)
    assert four - eager == 3 * (step + WORKSPACES) + 4 * GRAPH
    small = dataclasses.replace(
        data, validation=data.test, test=data.test.take(torch.arange(9, device="cuda"))
    )
    assert cost.largest == 64 * 64
    assert needed_bytes(cost, small, spec(), [1], 1, backend="lanes") <= one
    assert cuda.graphs == []


def test_a_small_buffer_reaches_a_fused_optimizer_in_pieces(
    digits: DataSet, cuda: PretendedCuda
) -> None:
    architecture = network(digits, "lenet-300-100")
    for members, most in ((1, 7), (12, 30)):
        engine = Stack(architecture, digits.to("cuda"), spec(), population(architecture, members))
        (group,) = engine._groups
        assert len(group.pieces) == len(group.optimizer.weights) == most
        assert all(len(piece) % PADDING == 0 for piece in group.pieces)
    assert cuda.graphs == []


def test_convolutions_lie_as_the_device_and_the_precision_want(
    colours: DataSet, cuda: PretendedCuda
) -> None:
    architecture = network(colours, "conv-2")
    formats = {}
    for place, precision in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "tf32")):
        module = build(architecture).to(place)
        formats[place, precision] = lay_out(module, precision)
        convolution = next(part for part in module.modules() if isinstance(part, nn.Conv2d))
        assert convolution.weight.is_contiguous(memory_format=formats[place, precision])
    assert list(formats.values()) == [
        torch.channels_last,
        torch.contiguous_format,
        torch.channels_last,
    ]
    assert cuda.graphs == []


def test_members_are_spread_over_two_gpus_in_one_command(
    digits: DataSet, cuda: PretendedCuda, tmp_path: Path
) -> None:
    architecture, training = network(digits, "lenet-24-16"), spec(backend="lanes", iterations=30)
    members, data = population(architecture, 3), digits.to("cuda:0")
    alone = train(architecture, data, training, members)
    placed: set[str] = set()

    def look(_: Progress) -> None:
        placed.update(f"cuda:{index}" for index in (0, 1) if cuda.memory.live_bytes(at[index]))

    at = [torch.device("cuda", index) for index in (0, 1)]
    with Trainer(data, devices=at) as trainer:
        together = trainer.train(architecture, training, members, observe=look)
        for one, other in zip(alone, together, strict=True):
            assert_same(one, other)
        assert placed == {"cuda:0", "cuda:1"}
        keeper = FolderKeeper(folder=tmp_path)
        asked = iter(range(10**6))
        with pytest.raises(StoppedError):
            trainer.train(
                architecture, training, members, keeper=keeper, should_stop=lambda: next(asked) > 8
            )
        kept = [state for member in members if (state := keeper.load(member.name))]
        assert len(kept) > 1, "the group on the other device has kept its states, too"
        resumed = trainer.train(architecture, training, members, keeper=keeper)
    for one, other in zip(alone, resumed, strict=True):
        assert_same(one, other)
