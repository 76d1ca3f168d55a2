"""A package with plugins: built, installed into a fresh environment, and used by name there."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.helpers.commands import run_ticket
from ticket_hub.bundle import open_bundle

PACKAGE = Path(__file__).resolve().parents[1] / "helpers/plugin_package"
SETTINGS = (
    *("--set", "network.name=packed-net", "--set", "data.name=packed-stripes"),
    *("--set", "pruning.criterion=packed-movement", "--set", "data.validation=60"),
    *("--set", "training.iterations=40", "--set", "training.evaluate_every=20"),
    *(
        "--set",
        "training.batch_size=20",
        "--set",
        "training.backend=plain",
        "--levels",
        "1",
        "--trials",
        "2",
        "--workers",
        "1",
    ),
)
MANY = """
import json, os, sys
import torch, ticket_hub.search, ticket_hub.transfer, ticket_hub.bundle.verify
from ticket_hub_cli.main import run
for arguments in json.loads(sys.argv[1]):
    sys.stdout.flush(), sys.stderr.flush()
    child = os.fork()
    if not child:
        code = run(arguments)
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, f"{arguments} ended with {code}"
"""
"""Each command in a process of its own, forked from one that has imported what is slow."""


def wheel(folder: Path) -> Path:
    """The package as a wheel, as its pyproject.toml describes it."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    info = f"{name}-{version}.dist-info"
    points = project["entry-points"]["ticket_hub.plugins"]
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n"
    files = {
        path.relative_to(PACKAGE).as_posix(): path.read_bytes()
        for path in PACKAGE.rglob(f"{name}/*.py")
    } | {
        f"{info}/METADATA": head.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "\n".join(
            ["[ticket_hub.plugins]", *(f"{key} = {value}" for key, value in points.items()), ""]
        ).encode(),
    }
    lines = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    place = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(place, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return place


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that sees this one, with the package installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "env", with_pip=False)
    found = folder / "env/bin/python"
    (site,) = (folder / "env/lib").glob("python*/site-packages")
    here = [path for path in sys.path if Path(path).is_dir()]
    (site / "this.pth").write_text("\n".join(here))
    install = [sys.executable, "-m", "pip", f"--python={found}", "install", "--no-deps"]
    subprocess.run(
        [*install, "--no-index", "--quiet", "--disable-pip-version-check", str(wheel(folder))],
        check=True,
    )
    return found


def test_it_is_used_by_name_and_refused_by_name_where_it_is_not(
    python: Path, tmp_path: Path
) -> None:
    run, hub = str(tmp_path / "run"), str(tmp_path / "hub")
    commands = [
        ["find", "digits-quick", *SETTINGS, "--out", run],
        ["show", run],
        ["verify", run],
        ["push", run, "ann/mine", "--hub", hub],
        ["pull", "ann/mine", "--hub", hub],
        [
            *("retrain", "ann/mine:1", "--hub", hub, "--against", "packed-flip"),
            *("--set", "training.iterations=20", "--trials", "2", "--workers", "1"),
            *("--out", str(tmp_path / "retrained")),
        ],
        [
            "push",
            run,
            "ann/mine",
            "--hub",
            hub,
            "--by",
            "Ada",
            "--with-evidence",
            str(tmp_path / "retrained"),
        ],
    ]
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        "TICKET_HOME": str(tmp_path / "home"),
        "OMP_NUM_THREADS": "1",
    }
    ran = subprocess.run(
        [python, "-c", MANY, json.dumps(commands)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "tickets-of-mine 1.3 for data.name = 'packed-stripes'" in ran.stdout
    plugins = json.loads((tmp_path / "run/bundle/ticket.json").read_text("utf-8"))["plugins"]
    package = {"distribution": "tickets-of-mine", "version": "1.3", "file": None, "sha256": None}
    assert plugins == [
        package | {"key": "data.name", "name": "packed-stripes"},
        package | {"key": "network.name", "name": "packed-net"},
        package | {"key": "pruning.criterion", "name": "packed-movement"},
    ]
    record = json.loads((tmp_path / "retrained/evidence.json").read_text("utf-8"))
    assert package | {"key": "control", "name": "packed-flip"} in record["plugins"]
    (experiment,) = open_bundle(tmp_path / "run/bundle").experiments()
    assert "packed-flip" in [each.name for each in experiment.plugins]

    refused = run_ticket("retrain", run, "--out", str(tmp_path / "elsewhere"))
    assert refused.code == 4
    said = " ".join(refused.stderr.split())
    assert "The network 'packed-net' is not registered here." in said
    assert "`pip install tickets-of-mine==1.3`" in said
    verified = run_ticket("verify", run)
    assert verified.code == 0
    assert "`pip install tickets-of-mine==1.3`" in " ".join(verified.stdout.split())
