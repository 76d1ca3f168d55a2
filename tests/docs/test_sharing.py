"""The lines of docs/sharing.md work as they stand there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/sharing.md"
GOLDEN = ROOT / "tests/golden/format-1"
HF = f"""
hf() {{ "{sys.executable}" -c 'from huggingface_hub.cli.hf import main; main()' "$@"; }}
"""
UNTIL_IT_ANSWERS = """
until "$PYTHON" -c 'import socket; socket.create_connection(("127.0.0.1", PORT), 1)' 2>/dev/null
do sleep 0.2; done
"""


def lines(title: str) -> str:
    """The shell lines of one section."""
    section = PAGE.read_text("utf-8").split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found
    assert len(found[1].splitlines()) == 5
    return found[1].replace("digits-quick", '"$RUN"')


def bash(script: str, folder: Path, shim: str) -> str:
    """What a script prints; it and all that it has started end together."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {
        "TICKET_HOME": str(folder / "tickets"),
        "HF_HOME": str(folder / "huggingface"),
        "PYTHON": sys.executable,
        "RUN": str(folder / "run"),
    }
    shutil.copytree(GOLDEN, folder / "run")  # pushing draws the figure of the card into it
    process = subprocess.Popen(
        ["bash", "-c", shim + HF + script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=200)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    assert process.returncode == 0, err
    return out


def test_a_lab_shares_in_a_folder(shim: str, tmp_path: Path) -> None:
    out = bash(lines("A lab").replace("/mnt/lab/tickets", str(tmp_path / "lab")), tmp_path, shim)
    assert "ann/digits@v1" in out
    assert "confirmed      yes" in out


def test_a_team_runs_its_own_hub_and_a_researcher_uses_it_as_the_public_one(
    shim: str, tmp_path: Path
) -> None:
    pytest.importorskip("fastapi")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    team = lines("A team").replace("8765", port)
    wait = UNTIL_IT_ANSWERS.replace("PORT", port)
    team = team.replace("&\n", f">serve.log 2>&1 &\n{wait}\n")
    stop = "\nkill %1\nwait %1 || true\n"
    out = bash(team + lines("A researcher") + stop, tmp_path, shim)
    assert out.count("ann/digits") >= 4
    assert "confirmed      yes" in out
    shutil.rmtree(tmp_path / "tickets")
