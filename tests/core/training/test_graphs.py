"""Steps that repeat on a GPU, on two that are only pretended."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.pretended_cuda import PretendedCuda
from ticket_hub.errors import TrainingError
from ticket_hub.training.graphs import Repeater
from ticket_hub.training.settings import on_device

SECOND = torch.device("cuda:1")


def test_every_step_is_done_on_a_device_that_is_not_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with PretendedCuda(monkeypatch) as cuda:
        done = torch.zeros(1, device=SECOND)
        with on_device(SECOND):
            assert cuda.current == SECOND.index
            repeat = Repeater(lambda: done.add_(1), SECOND)  # type: ignore[arg-type]
            for times in (2, 5, 20):
                repeat(times)
        assert cuda.current == 0
        assert done.item() == 27


def test_a_graph_that_holds_no_step_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with PretendedCuda(monkeypatch) as cuda:
        done = torch.zeros(1, device=SECOND)
        assert cuda.current != SECOND.index
        repeat = Repeater(lambda: done.add_(1), SECOND)  # type: ignore[arg-type]
        with pytest.raises(TrainingError, match="would train nothing"):
            repeat(50_000)


def test_a_cpu_has_no_current_device_to_set() -> None:
    with on_device(torch.device("cpu")):
        assert torch.zeros(1).device.type == "cpu"
