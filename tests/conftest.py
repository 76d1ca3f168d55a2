from __future__ import annotations

import gc
import importlib.util
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

from tests.helpers.long_files import seconds_of
from tests.helpers.once import once

# What is imported while tests are collected stays: to look through it again finds nothing.
gc.disable()

pytest_plugins = ["tests.helpers.object_store", "tests.helpers.postgresql"]


def stating_shapes(package: str) -> list[str]:
    """The modules whose signatures state shapes."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    return [
        ".".join([package, *path.relative_to(folder).with_suffix("").parts])
        for path in sorted(folder.rglob("*.py"))
        if f"from {package}.shapes import" in path.read_text("utf-8")
    ]


# Shapes in signatures are checked while the tests run. Where none are stated, types are mypy's
# affair: checked at every call, which `make nightly` asks for, they take half of the tests' time.
EVERYWHERE = os.environ.get("TICKET_TEST_TYPES") == "all"
install_import_hook(
    "ticket_hub" if EVERYWHERE else stating_shapes("ticket_hub"), "beartype.beartype"
)

torch.set_num_threads(1)

# No test depends on how fast the machine happens to be.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

MAX_NAME = 100
CHECKOUT = Path(__file__).resolve().parent.parent

# Kernels are compiled once for all tests and their processes, not once for each test's own home.
os.environ.setdefault("NUMBA_CACHE_DIR", str(CHECKOUT / ".pytest_cache" / "numba"))


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new folder for each test; cheaper than thousands of pytest's, which it counts each time."""
    root = tmp_path_factory.mktemp("homes")
    return (root / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_home(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the developer's own folders or tokens."""
    home = next(homes)
    home.mkdir()
    monkeypatch.setenv("TICKET_HOME", str(home / "tickets"))
    monkeypatch.setenv("TICKET_CONFIG", "")  # none
    monkeypatch.setenv("HF_HOME", str(home / "huggingface"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    return home


@pytest.fixture
def forked_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that the product starts of itself have imported everything already."""
    from tests.helpers import forked  # after the hook for shapes: it imports what they check

    monkeypatch.setattr(sys, "executable", forked.python())


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a finished search on digits, which nobody may change: five trials, levels 0 to 5.

    Its bundle is `found / "bundle"`.
    """

    def make(folder: Path) -> None:
        from ticket_hub.search import find  # after the hook for shapes

        changes = {
            "network.name": "lenet-24",
            "training.iterations": 150,
            "training.evaluate_every": 25,
            "training.backend": "stack",
            "search.levels": 5,
            "search.trials": 5,
        }
        find("digits-quick", changes=changes, run_folder=folder / "run", workers=1)

    return once(tmp_path_factory, "found", make) / "run"


@pytest.fixture(scope="session")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST, Fashion-MNIST, CIFAR-10, EMNIST letters and USPS in torchvision's layout."""
    named = os.environ.get("TICKET_DATA")
    if named and (Path(named) / "MNIST/raw").is_dir():
        return Path(named)
    unpack = CHECKOUT.parent / "shared/data/unpack"
    if not unpack.is_file():
        pytest.skip("needs real data: set TICKET_DATA to a folder in torchvision's layout")

    def make(folder: Path) -> None:
        subprocess.run([sys.executable, str(unpack), str(folder)], check=True, capture_output=True)

    return once(tmp_path_factory, "data", make)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A name that can be read and sent about, where a case is a hostile text of megabytes."""
    if isinstance(val, str | bytes) and len(val) > MAX_NAME:
        return f"{argname}-{len(val)}"
    return None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read only the modules that have tests for a GPU where those are asked for.

    A machine with a GPU need not have what all others import.
    """
    if config.getoption("markexpr") != "gpu" or collection_path.suffix != ".py":
        return None
    return True if "mark.gpu" not in collection_path.read_text("utf-8") else None


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Processes beside each other take whole files, and those first that take longest.

    What tests of a file share is so made once, and no process is left with a long file at the end.
    Tests for a GPU are skipped where there is none.
    """
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu") is not None:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
    if not hasattr(config, "workerinput"):
        return
    items.sort(key=lambda item: -seconds_of(item.nodeid))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def pytest_collection_finish() -> None:
    """From here on what is left behind is collected, but not looked for in what was imported."""
    gc.enable()
    gc.freeze()
