from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.helpers.pretended_cuda import PretendedCuda
from ticket_hub.environment import choose_device, choose_devices, differences, fingerprint
from ticket_hub.errors import EnvironmentMismatchError, TrainingError
from ticket_hub.runs.folder import RunFolder
from ticket_hub.training.capacity import free_bytes


def test_a_fingerprint_is_flat_text_and_the_same_twice() -> None:
    facts = fingerprint("cpu")
    assert facts == fingerprint("cpu")
    assert facts["torch"] == torch.__version__
    assert all(isinstance(value, str) and value for value in facts.values())


def test_numba_counts_only_where_a_kernel_may_be_compiled_with_it() -> None:
    assert "numba" in fingerprint("cpu", "sparse-numba")
    assert "numba" in fingerprint("cpu", "auto")
    assert "numba" not in fingerprint("cpu", "plain")
    assert "numba" not in fingerprint("cpu", "sparse-torch")


def test_the_number_of_members_is_named_where_it_decides_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "members" not in fingerprint("cpu", members=5)
    with PretendedCuda(monkeypatch):
        assert fingerprint("cuda", "stack", members=5)["members"] == "5"
        assert "members" not in fingerprint("cuda", "lanes", members=5)


def test_several_devices_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_devices("cpu") == (torch.device("cpu"),)
    with PretendedCuda(monkeypatch):
        both = (torch.device("cuda:0"), torch.device("cuda:1"))
        assert choose_devices("cuda:0,cuda:1") == choose_devices("cuda:all") == both
        for wrong in ("cuda:0,cuda:0", "cpu,cuda:0"):
            with pytest.raises(TrainingError, match="does not name several"):
                choose_devices(wrong)
        monkeypatch.setenv("RANK", "1")
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("LOCAL_RANK", "1")
        assert choose_device() == choose_device("cuda") == torch.device("cuda:1")
        with pytest.raises(TrainingError, match="each of the 2 processes"):
            choose_device("cuda:0")


def test_works_that_share_a_gpu_count_on_their_part_of_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with PretendedCuda(monkeypatch):
        alone = free_bytes(torch.device("cuda"))
        monkeypatch.setenv("TICKET_GPU_SHARE", "4")
        assert free_bytes(torch.device("cuda")) == alone // 4


def test_processes_that_train_together_are_named_and_one_is_none_of_them() -> None:
    facts = fingerprint("cpu")
    assert differences(facts | {"processes": "2"}, facts) == ["processes: 2 -> 1"]


def test_only_what_decides_bits_counts_as_a_difference() -> None:
    facts = fingerprint("cpu")
    assert differences(facts, facts | {"python": "3.99", "platform": "another"}) == []
    assert differences(facts, facts | {"torch": "9"}) == [f"torch: {torch.__version__} -> 9"]
    assert differences(facts, facts | {"new": "fact"}) == ["new: none -> fact"]


def test_another_environment_is_refused_unless_accepted_and_then_remembered_for_good(
    tmp_path: Path,
) -> None:
    folder, begun = RunFolder(tmp_path), {"torch": "1", "python": "3.11"}
    folder.admit(begun, accept=False)
    folder.admit(begun | {"python": "3.12"}, accept=False)
    assert folder.read_environment() == (begun, True)
    with pytest.raises(EnvironmentMismatchError, match="torch: 1 -> 2"):
        folder.admit(begun | {"torch": "2"}, accept=False)
    assert folder.read_environment() == (begun, True)
    folder.admit(begun | {"torch": "2"}, accept=True)
    folder.admit(begun, accept=False)
    assert folder.read_environment() == (begun, False)


def test_the_device_is_cuda_where_there_is_one_and_else_the_cpu() -> None:
    assert choose_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu") == torch.device("cpu")


def test_a_device_that_is_not_there_is_refused_with_a_remedy() -> None:
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(TrainingError, match=missing) as caught:
        choose_device(missing)
    assert "cpu" in caught.value.remedy


@pytest.mark.parametrize("name", ["gpu", "meta", "", "cuda:x"])
def test_a_name_that_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(TrainingError, match="There is no device"):
        choose_device(name)


def test_a_fingerprint_of_a_gpu_names_what_decides_its_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with PretendedCuda(monkeypatch):
        facts = fingerprint("cuda:1", "stack")
    assert facts["device"] == "NVIDIA Pretended"
    assert facts["cuda_capability"] == "9.0"
    assert {"cuda", "cuda_driver", "cudnn", "cublas_workspace", "torch_build"} < facts.keys()
    assert all(isinstance(value, str) for value in facts.values())
