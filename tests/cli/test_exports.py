from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers.foreign import OpenLeNet, write_open_lth
from ticket_hub.interop.importers import import_tickets
from ticket_hub.ticket import Ticket

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    for replicate in (1, 2):
        source = folder / f"lottery_1/replicate_{replicate}"
        write_open_lth(source, OpenLeNet(), model="mnist_lenet_12_7", seed=replicate)
    import_tickets(folder / "lottery_1", folder / "bundle")
    return folder / "bundle"


def test_export_writes_the_level_and_trial_that_are_named(
    tmp_path: Path, ticket: Run, bundle: Path
) -> None:
    file = tmp_path / "mask.safetensors"
    ran = ticket(
        "export", f"{bundle}:1", "--trial", "1", "--to", "mask", "--out", str(file), "--format",
        "json",
    )  # fmt: skip
    assert ran.code == 0
    assert json.loads(ran.stdout)["files"] == [str(file)]
    wanted = Ticket.load(bundle, level=1, trial=1).mask
    found = load_file(file)
    assert all(torch.equal(found[name], keep) for name, keep in wanted.items())


@pytest.mark.parametrize("form", ["safetensors", "torch-prune", "csr"])
def test_every_form_says_what_to_do_next(
    tmp_path: Path, ticket: Run, bundle: Path, form: str
) -> None:
    ran = ticket("export", str(bundle), "--to", form, "--out", str(tmp_path / "out"))
    assert ran.code == 0
    assert "Read" in ran.stderr


def test_what_is_not_there_has_its_exit_code(tmp_path: Path, ticket: Run, bundle: Path) -> None:
    arguments = ("--to", "mask", "--out", str(tmp_path / "m"))
    assert ticket("export", f"{bundle}:9", *arguments).code == 11
    assert ticket("export", str(bundle), "--trial", "9", *arguments).code == 11
    (tmp_path / "m").mkdir()
    assert ticket("export", str(bundle), *arguments).code == 19
