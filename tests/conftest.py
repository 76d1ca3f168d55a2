from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

# Shapes and types in the signatures are checked while the tests run.
install_import_hook("ticket_hub", "beartype.beartype")

torch.set_num_threads(1)

# No test depends on how fast the machine happens to be.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the developer's own folders or tokens."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TICKET_HOME", str(home / "tickets"))
    monkeypatch.setenv("HF_HOME", str(home / "huggingface"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    return home


@pytest.fixture(scope="session")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST, Fashion-MNIST, CIFAR-10, EMNIST letters and USPS in torchvision's layout."""
    named = os.environ.get("TICKET_DATA")
    if named and (Path(named) / "MNIST/raw").is_dir():
        return Path(named)
    unpack = CHECKOUT.parent / "shared/data/unpack"
    if not unpack.is_file():
        pytest.skip("needs real data: set TICKET_DATA to a folder in torchvision's layout")
    folder = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, str(unpack), str(folder)], check=True, capture_output=True)
    return folder
