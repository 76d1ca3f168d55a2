"""What must work unchanged: users' own tools, in processes of their own, on a real hub."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ticket_hub_api.background import RunningHub

RunClient = Callable[..., str]


@pytest.mark.parametrize(
    ("version", "transfer"),
    [
        ("installed", "xet"),
        ("installed", "lfs"),
        ("1.30", "xet"),
        pytest.param("1.30", "lfs", marks=pytest.mark.slow),
    ],
)
def test_the_stock_client_works_unchanged(
    run_client: RunClient, version: str, transfer: str
) -> None:
    assert "done" in run_client("use_everything.py", version=version, xet=transfer == "xet")


# How files travel is the client's affair, which the test above asks for in both ways.
@pytest.mark.parametrize("transfer", ["xet", pytest.param("lfs", marks=pytest.mark.slow)])
def test_timm_and_the_mixin_push_and_load(run_client: RunClient, transfer: str) -> None:
    assert "done" in run_client("use_timm.py", xet=transfer == "xet")


def test_the_command_line_of_the_client_works(hub: RunningHub, owner: str, tmp_path: Path) -> None:
    def hf(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "huggingface_hub.cli.hf", *arguments],
            env={
                **os.environ,
                "HF_ENDPOINT": hub.endpoint,
                "HF_TOKEN": hub.token,
                "HF_HOME": str(tmp_path / "huggingface"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"content" * 1000)
    name = f"{owner}/cli"
    assert owner in hf("auth", "whoami")
    hf("repos", "create", name, "--exist-ok")
    hf("upload", name, str(folder), ".")
    hf("repos", "tag", "create", name, "v1")
    hf("download", name, "--revision", "v1", "--local-dir", str(tmp_path / "there"))
    assert (tmp_path / "there/a.bin").read_bytes() == b"content" * 1000
    assert name in hf("models", "ls", "--search", "cli", "-q")
    hf("repos", "delete", name, "--yes")
