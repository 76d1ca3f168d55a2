"""What deploy/ says of containers holds, as far as that can be seen without an engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_operating import blocks

pytest.importorskip("fastapi", reason="needs the service: pip install '.[serve]'")

import yaml

from tests.helpers.forked import start_hub
from ticket_hub_api.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
pytestmark = pytest.mark.skipif(not DEPLOY.is_dir(), reason="the checkout has it, a wheel has not")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"])


def test_no_service_is_root_or_writes_outside_its_volume(
    services: dict[str, dict[str, Any]],
) -> None:
    assert set(services) == {"database", "hub", "worker"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service.get("user", "not root in the image") != "root"
    image = (DEPLOY / "Containerfile").read_text("utf-8")
    last = image.rsplit("\nFROM ", 1)[1]
    assert re.findall(r"^USER (\S+)$", last, re.MULTILINE) == ["ticket-hub"]
    assert all("healthcheck" in services[name] for name in ("database", "hub"))


def test_the_settings_and_commands_exist(
    services: dict[str, dict[str, Any]], quick_ticket: list[str]
) -> None:
    for name in ("hub", "worker"):
        given = dict(services[name]["environment"])
        assert given.pop("FORWARDED_ALLOW_IPS")
        Settings.from_environment({key: value for key, value in given.items() if "$" not in value})
        assert {key.removeprefix("TICKET_HUB_").lower() for key in given} <= set(
            Settings.__dataclass_fields__
        )
        command = services[name]["command"]
        told = subprocess.run(
            [*quick_ticket, command[0], "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert all(word in told for word in command if word.startswith("--"))


def test_what_the_image_is_made_of_is_there() -> None:
    image = (DEPLOY / "Containerfile").read_text("utf-8")
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", image, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert all((ROOT / name).exists() and f"!{name}" in ignored for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = re.search(r"'\.\[([a-z0-9,]+)\]'", image)
    assert extras
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])


def test_the_health_check_knows_a_hub_that_is_ready_from_one_that_is_gone(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    _, _, flag, code = services["hub"]["healthcheck"]["test"]
    hub = start_hub(Settings(folder=tmp_path / "hub", endpoint="https://hub.example.org"))

    def check() -> int:
        here = code.replace(":8765/", f":{hub.port}/")
        assert here != code
        return subprocess.run(
            [sys.executable, flag, here], capture_output=True, timeout=60, check=False
        ).returncode

    try:
        assert check() == 0
    finally:
        hub.stop()
    assert check() != 0


def test_the_commands_of_the_page_work(quick_ticket: list[str], tmp_path: Path) -> None:
    lines = blocks("Containers")[0].splitlines()
    said = [re.sub(r"^docker compose (run --rm hub|exec hub ticket) ", "", line) for line in lines]
    ours = [line for line in said if "docker" not in line]
    assert len(ours) == 3
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TICKET_")}
    for line in ours:
        subprocess.run(
            [*quick_ticket, *line.split()],
            env={**kept, "TICKET_HOME": str(tmp_path)},
            capture_output=True,
            check=True,
        )
