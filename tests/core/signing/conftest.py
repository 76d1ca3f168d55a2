from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ticket_hub.signing.keys import PrivateKey, find_key, keygen

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


@pytest.fixture
def key() -> PrivateKey:
    keygen("ann")
    return find_key("ann")
