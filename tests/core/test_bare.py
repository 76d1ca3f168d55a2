"""The core on a machine that has torch, torchvision, timm, numpy, scipy, safetensors and
huggingface-hub, and nothing else that Ticket Hub asks for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HIDDEN = (
    "jaxtyping", "beartype", "platformdirs", "sklearn", "matplotlib", "click", "rich", "numba",
    "fastapi", "starlette", "pydantic", "sqlalchemy", "uvicorn", "jinja2", "ray", "submitit",
)  # fmt: skip


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Sixty pictures of two classes, in folders as torchvision reads them."""
    random = np.random.default_rng(0)
    for number in range(60):
        name = ("dark", "light")[number % 2]
        folder = tmp_path / "pictures" / ("test" if number >= 40 else "train") / name
        folder.mkdir(parents=True, exist_ok=True)
        values = random.integers(0, 128, (6, 6)) + 127 * (number % 2)
        Image.fromarray(values.astype(np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "pictures"


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    hide = f"import sys; sys.modules.update(dict.fromkeys({HIDDEN}))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKET_")}
    return subprocess.run(
        [sys.executable, "-P", "-c", f"{hide}\n{code}"],
        env=kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def test_tickets_are_found_packed_shared_pulled_and_retrained(
    pictures: Path, tmp_path: Path
) -> None:
    code = f"""
import torch; torch.set_num_threads(1)
import ticket_hub
changes = {{
    "data.name": "folder:{pictures}", "data.validation": 10, "network.name": "lenet-10",
    "training.iterations": 20, "training.evaluate_every": 10, "training.batch_size": 10,
    "search.levels": 1, "search.trials": 3,
}}
found = ticket_hub.find("digits-quick", changes=changes)
assert ticket_hub.verify_bundle(found.bundle).holds
ticket_hub.push_bundle(found.bundle, "ann/pictures", hub="{tmp_path / "hub"}")
pulled = ticket_hub.pull_bundle("ann/pictures:all", hub="{tmp_path / "hub"}")
result = ticket_hub.retrain(f"{{pulled.folder}}:1", against=["reinit", "dense"], trials=3)
print(result.levels[0].verdict.n)
"""
    done = run(code, TICKET_HOME=str(tmp_path / "home"), TICKET_DATA=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3\n"
    assert "The card got no figure: ModuleNotFoundError:" in done.stderr


def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path) -> None:
    code = f"""
import os; os.chdir({str(tmp_path)!r})
import ticket_hub
from ticket_hub.errors import TicketHubError
try:
    ticket_hub.list_runs()
except TicketHubError as error:
    print(error.remedy)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert "TICKET_HOME" in done.stdout
