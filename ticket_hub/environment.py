"""What a run was made with: the facts that decide its bits, and those that only inform."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import ticket_hub
from ticket_hub.errors import TrainingError
from ticket_hub.training import ranks
from ticket_hub.training.capacity import world_size

__all__ = ["INFORMATIVE", "choose_device", "choose_devices", "differences", "fingerprint"]

INFORMATIVE = frozenset({"members", "numpy", "platform", "python"})
"""Keys of a fingerprint that do not decide the bits of a result; all others do.

`members` does on a GPU, for the backends that multiply all members at once; but it follows from the
recipe, and a search whose trials are divided over GPUs must be able to join its parts.
"""


def choose_device(name: str | None = None) -> torch.device:
    """The device to train on: the one named, else CUDA where there is a device, else the CPU.

    Of processes that train together each has the CUDA device of its LOCAL_RANK.

    Raises:
        TrainingError: the name is no device, or there is no such device in this machine.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in {"cpu", "cuda"}:
        raise TrainingError(f"There is no device {name!r}.", "Name `cpu`, `cuda` or `cuda:1`.")
    if device.type == "cuda" and world_size() > 1:
        device = _own_device(device, name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise TrainingError(
            f"The device {name!r} was asked for, but PyTorch {torch.__version__} sees "
            f"{found or 'no'} CUDA device{'' if found == 1 else 's'}.",
            "Train on `cpu`, or install a CUDA build of PyTorch and check `nvidia-smi`.",
        )
    return device


def choose_devices(name: str | None = None) -> tuple[torch.device, ...]:
    """The devices to train on, the first of which is `choose_device`'s.

    Args:
        name: of one device; or of several, as `cuda:0,cuda:2`; or `cuda:all`.

    Raises:
        TrainingError: a name is no device, there is no such device, or one is named twice; or
            several are named that are no CUDA devices.
    """
    if name == "cuda:all":
        name = ",".join(f"cuda:{index}" for index in range(torch.cuda.device_count())) or "cuda"
    if name is None or "," not in name:
        return (choose_device(name),)
    found = tuple(choose_device(part.strip()) for part in name.split(","))
    if len(set(found)) < len(found) or any(device.type != "cuda" for device in found):
        raise TrainingError(
            f"{name!r} does not name several CUDA devices.", "Name each once: `cuda:0,cuda:1`."
        )
    return found


def _own_device(device: torch.device, name: str) -> torch.device:
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if device.index not in {None, own.index}:
        raise TrainingError(
            f"The device {name!r} was asked for, and each of the {world_size()} processes that "
            "train together has its own.",
            "Name `cuda`, and choose devices by CUDA_VISIBLE_DEVICES.",
        )
    return own


def fingerprint(
    device: torch.device | str = "cpu", backend: str = "auto", *, members: int = 0
) -> dict[str, str]:
    """The environment as flat text: versions, device, kernels and flags.

    Two runs of one recipe whose fingerprints agree outside `INFORMATIVE` have the same bits.
    On a CPU every training process has one thread, however many processes there are. The CPU
    counts on other devices too, since initial weights are drawn there. numba counts only where
    the recipe's backend may be compiled with it. Processes that train one network together count,
    since they add up its gradients in their order.

    Args:
        members: networks that are trained at once, where it is known; 0 says nothing.
    """
    place = torch.device(device)
    facts = {
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(place) if place.type == "cuda" else _processor(),
        "onednn": str(torch.backends.mkldnn.is_available()),
        "numpy": _version("numpy"),
        "platform": platform.platform(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "ticket_hub": ticket_hub.__version__,
        "torch": str(torch.__version__),
    }
    if backend in {"auto", "sparse-numba"}:
        facts["numba"] = _version("numba")
    facts |= _cuda_facts(place) if place.type == "cuda" else _cpu_facts()
    if place.type == "cuda" and members and backend in {"auto", "stack", "vmap"}:
        facts["members"] = str(members)
    team = ranks.current()
    if team is not None:
        facts["processes"] = str(team.size)
    return facts


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What decides bits and is not the same, each as `key: before -> now`, sorted by key."""
    keys = sorted((before.keys() | now.keys()) - INFORMATIVE)
    return [
        f"{key}: {before.get(key, missing)} -> {now.get(key, missing)}"
        for key in keys
        for missing in ["1" if key == "processes" else "none"]
        if before.get(key) != now.get(key)
    ]


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _cpu_facts() -> dict[str, str]:
    onednn: Any = torch.backends.mkldnn
    return {
        "onednn_conv": str(onednn.conv.fp32_precision),
        "onednn_matmul": str(onednn.matmul.fp32_precision),
        "threads": "1",
        "mkl_cbwr": os.environ.get("MKL_CBWR", "none"),
    }


# TensorFloat is no fact of the environment: training sets it as the recipe says.
def _cuda_facts(device: torch.device) -> dict[str, str]:
    return {
        "cuda_capability": ".".join(map(str, torch.cuda.get_device_capability(device))),
        "cuda_driver": _driver(),
        "cuda": str(torch.version.cuda),
        "cudnn": str(torch.backends.cudnn.version()),
        "torch_build": str(torch.version.git_version),
        "cublas_workspace": os.environ.get("CUBLAS_WORKSPACE_CONFIG", "none"),
    }


def _driver() -> str:
    """The version of the NVIDIA driver as its kernel module says it, else `unknown`."""
    table = Path("/proc/driver/nvidia/version")
    if not table.is_file():
        return "unknown"
    found = re.search(r"\b\d+\.\d+(\.\d+)?\b", table.read_text("utf-8", "replace"))
    return found[0] if found else "unknown"


def _version(package: str) -> str:
    if importlib.util.find_spec(package) is None:
        return "none"
    return metadata.version(package)
