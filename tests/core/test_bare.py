"""The core on a machine that has torch, numpy, scipy, safetensors and huggingface-hub, and nothing
else that Ticket Hub asks for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HIDDEN = (
    "torchvision", "timm", "PIL", "jaxtyping", "beartype", "platformdirs", "sklearn", "matplotlib",
    "click", "rich", "numba",
    "fastapi", "starlette", "pydantic", "sqlalchemy", "uvicorn", "jinja2", "ray", "submitit",
)  # fmt: skip


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    hide = f"import sys; sys.modules.update(dict.fromkeys({HIDDEN}))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKET_")}
    return subprocess.run(
        [sys.executable, "-P", "-c", f"{hide}\n{code}"],
        env=kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def test_tickets_are_found_packed_shared_pulled_and_retrained(tmp_path: Path) -> None:
    code = f"""
import torch; torch.set_num_threads(1)
import ticket_hub
changes = {{
    "network.name": "lenet-10", "training.iterations": 20, "training.evaluate_every": 10,
    "training.batch_size": 10, "search.levels": 1, "search.trials": 3,
}}
found = ticket_hub.find("digits-quick", changes=changes)
assert ticket_hub.verify_bundle(found.bundle).holds
ticket_hub.push_bundle(found.bundle, "ann/digits", hub="{tmp_path / "hub"}")
pulled = ticket_hub.pull_bundle("ann/digits:all", hub="{tmp_path / "hub"}")
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
