from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ticket_hub
from ticket_hub.errors import RunError


@pytest.mark.parametrize("name", ticket_hub.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(ticket_hub, name) is not None
    assert name in dir(ticket_hub)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ticket_hub.no_such_name


@pytest.mark.parametrize(
    "module",
    ["ticket_hub", "ticket_hub.engines.local", "ticket_hub.training.capacity"],
)
def test_import_is_cheap(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("call", "places", "wrong", "right"),
    [
        ("find", ("digits-quick",), "worker", "workers"),
        ("retrain", ("digits-quick",), "trails", "trials"),
        ("transfer_tickets", (["digits-quick"], ["digits"]), "devices", "device"),
        ("analyze", ("digits-quick",), "onli", "only"),
        ("reproduce", ("no-such-claim",), "sed", "seed"),
    ],
)
def test_a_wrong_keyword_is_refused_by_the_name_of_what_was_called(
    call: str, places: tuple[object, ...], wrong: str, right: str
) -> None:
    refusal = rf"^{call}\(\) has no keyword '{wrong}'\. The nearest is '{right}'; there are "
    with pytest.raises(TypeError, match=refusal):
        getattr(ticket_hub, call)(*places, **{wrong: None})


def test_a_text_is_as_good_as_a_path(found: Path) -> None:
    assert ticket_hub.verify_bundle(str(found / "bundle")).holds
    assert ticket_hub.open_bundle(str(found / "bundle")).manifest.id
    assert [run.path for run in ticket_hub.list_runs(str(found.parent))] == [found]


def test_what_is_no_run_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match="nothing in it is removed"):
        ticket_hub.rm_run(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
