"""The first minutes of a newcomer without a network: pull, show, train, a verdict."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
MOST_CPU_SECONDS = 120
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))

# Any address but this machine's own files is refused, by whatever library it is asked for.
FIRST_MINUTES = """
import sys

def closed(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        raise OSError(f"There is no network: {event} {arguments[1:]}")

sys.addaudithook(closed)
from ticket_hub_cli.main import run

for line in sys.stdin:
    print("$ ticket", line, end="", flush=True)
    if code := run(line.split()):
        sys.exit(code)

import torch, ticket_hub
ticket = ticket_hub.Ticket.from_pretrained("builtin:digits")
network = ticket.build()
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
network(torch.rand(60, 1, 8, 8)).logsumexp(1).mean().backward()
optimizer.step()
for name, keep in ticket.mask.items():
    assert not network.get_parameter(name)[~keep].any()
print(repr(ticket))
"""
LINES = """\
search
pull builtin:digits
show builtin:digits
verify builtin:digits
retrain builtin:digits:8 --against reinit,dense --trials 3 --set training.iterations=300 --workers 1
"""


def test_a_builtin_ticket_is_pulled_shown_trained_and_judged_offline(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TICKET_", "HF_"))}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_MINUTES],
        input=LINES,
        cwd=tmp_path,
        env=kept | {"TICKET_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^builtin:digits +lenet-100-50 +digits ", ran.stdout, re.MULTILINE)
    assert "does not answer" in ran.stderr
    words = "winning|matching|losing|not distinguishable"
    assert re.search(rf"^ +8 +17\.87% +ticket .* ({words})$", ran.stdout, re.MULTILINE)
    assert "2,127 of 11,900 weights" in ran.stdout
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < MOST_CPU_SECONDS


def test_there_are_three_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["1-find", "2-your-own-loop", "3-transfer"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_of_a_notebook_run_one_after_the_other(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = json.loads(notebook.read_text("utf-8"))
    assert (table["nbformat"], table["metadata"]["kernelspec"]["name"]) == (4, "python3")
    names: dict[str, object] = {}
    cells = [cell for cell in table["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 2
    for cell in cells:
        assert cell["outputs"] == []
        code = "".join(line for line in cell["source"] if not line.startswith("%"))
        exec(compile(code, notebook.name, "exec"), names)
    assert names["shown"]
