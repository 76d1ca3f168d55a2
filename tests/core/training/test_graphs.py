"""Steps that repeat on a GPU, on two that are only pretended."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import pytest
import torch

from tests.helpers.populations import network, population, spec
from tests.helpers.pretended_cuda import PretendedCuda
from tests.helpers.pretended_streams import Stream
from ticket_hub.data import DataSet
from ticket_hub.errors import TrainingError
from ticket_hub.training.graphs import Repeater
from ticket_hub.training.lanes import Lanes
from ticket_hub.training.settings import on_device

SECOND = torch.device("cuda:1")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedCuda]:
    """Two GPUs."""
    with PretendedCuda(monkeypatch) as found:
        yield found


def counting(done: torch.Tensor) -> Callable[[], None]:
    """A step that counts itself."""

    def step() -> None:
        done.add_(1)

    return step


def test_every_step_is_done_on_a_device_that_is_not_the_first(cuda: PretendedCuda) -> None:
    done = torch.zeros(1, device=SECOND)
    with on_device(SECOND):
        assert cuda.current == SECOND.index
        repeat = Repeater(SECOND)
        for times in (2, 5, 20):
            repeat(counting(done), times)
    assert cuda.current == 0
    assert done.item() == 27


def test_a_users_first_backward_pass_on_a_gpu_warns_of_no_missing_context(
    cuda: PretendedCuda,
) -> None:
    with on_device(SECOND):
        warnings.warn(
            "Attempting to run cuBLAS, but there was no current CUDA context! Attempting to set "
            "the primary context...",
            stacklevel=1,
        )
    assert cuda.current == 0


def test_a_graph_that_holds_no_step_is_refused(cuda: PretendedCuda) -> None:
    done = torch.zeros(1, device=SECOND)
    assert cuda.current != SECOND.index
    repeat = Repeater(SECOND)
    repeat.stream = torch.cuda.Stream("cuda:0")
    with pytest.raises(TrainingError, match="would train nothing"):
        repeat(counting(done), 50_000)


def test_steps_before_a_capture_add_up_over_calls(cuda: PretendedCuda) -> None:
    done = torch.zeros(1, device="cuda")
    repeat = Repeater(done.device)
    for times in (1, 2, 1, 2, 1):
        repeat(counting(done), times)
    assert done.item() == 7
    assert [graph.replays for graph in cuda.graphs] == [4]


def test_a_step_that_cannot_be_captured_is_called_each_time_and_said_once(
    cuda: PretendedCuda, caplog: pytest.LogCaptureFixture
) -> None:
    done, other = torch.zeros(1, device="cuda"), Stream(torch.device("cuda:0"), cuda.host)
    here = torch.cuda.current_stream()

    def fail(name: str) -> None:
        if cuda.capturing is not None and name == "add_":
            other.wait_stream(cuda.stream())  # and never joins
            other.begin()
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate much.")

    cuda.failure = fail
    for _ in range(2):
        repeat = Repeater(done.device)
        repeat(counting(done), 5)
        repeat(counting(done), 5)
        assert torch.cuda.current_stream() is here
    assert done.item() == 20
    assert sum(graph.replays for graph in cuda.graphs) == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "unjoined work" in caplog.text


def test_a_capture_that_fails_harms_no_other_graph_and_no_draw(
    cuda: PretendedCuda, caplog: pytest.LogCaptureFixture
) -> None:
    done, drawn = torch.zeros(1, device=SECOND), torch.zeros(100, device=SECOND)

    def step() -> None:
        drawn.bernoulli_(0.5)
        assert drawn.sum().item() > 0  # what no graph can hold

    with on_device(SECOND):
        first, second = Repeater(SECOND), Repeater(SECOND)
        first(counting(done), 5)
        second(step, 10)
        first(counting(done), 5)
        torch.cuda.empty_cache()
    assert done.item() == 10
    assert [graph.replays for graph in cuda.graphs] == [7, 0, 0]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_step_that_draws_on_the_host_is_not_captured(cuda: PretendedCuda) -> None:
    done, seen = torch.zeros(1, device="cuda"), []

    def step() -> None:
        seen.append(torch.rand(()).item())
        done.add_(seen[-1])

    with torch.random.fork_rng([]):
        Repeater(done.device)(step, 10)
    assert len(seen) == 11  # once more while it was captured
    assert [graph.replays for graph in cuda.graphs] == [0]


def test_lanes_have_as_many_streams_as_torch_has_and_then_share_them(
    digits: DataSet, cuda: PretendedCuda
) -> None:
    architecture = network(digits, "lenet-2")
    engine = Lanes(architecture, digits.to("cuda"), spec(), population(architecture, 34))
    numbers = [repeat.stream.number for repeat in engine._repeats]  # type: ignore[attr-defined]
    assert len(set(numbers)) == 32
    assert numbers[32:] == numbers[:2]
    assert cuda.graphs == []


def test_a_cpu_has_no_current_device_to_set() -> None:
    with on_device(torch.device("cpu")):
        assert torch.zeros(1).device.type == "cpu"
