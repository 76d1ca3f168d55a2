"""How plugins are found: what was given, what is installed, and what cannot be imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ticket_hub import plugins
from ticket_hub.engines.base import Find, Work
from ticket_hub.engines.child_environment import child_environment
from ticket_hub.errors import PluginError
from ticket_hub.networks import network_names
from ticket_hub.recipe import load_recipe


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugins.VARIABLE, "")
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_file_is_imported_once_and_told_to_processes_that_are_started(tmp_path: Path) -> None:
    file = tmp_path / "imported_once.py"
    file.write_text("import beside_it\nbeside_it.times.append(1)\n")
    (tmp_path / "beside_it.py").write_text("times = []\n")
    first, second = plugins.use(str(file)), plugins.use(str(file))
    assert first is second
    assert first.beside_it.times == [1]
    assert plugins.given() == [str(file)]
    assert child_environment()[plugins.VARIABLE] == str(file)
    assert str(tmp_path) in child_environment()["PYTHONPATH"].split(os.pathsep)


def test_a_work_carries_what_it_needs_to_other_machines(tmp_path: Path) -> None:
    file = tmp_path / "carried_along.py"
    file.write_text("")
    plugins.use(str(file))
    find = Find(recipe=load_recipe("digits-quick"))
    work = Work(find=find, run_folder="/run", data_dir="/data")
    assert work.imports == (str(file),)
    assert Work.from_table(work.to_table()) == work


def test_an_installed_package_adds_its_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed_nets.py").write_text(
        "from torch import nn\n"
        "from ticket_hub.networks import register\n"
        "@register('installed-net')\n"
        "def net(of): return nn.Sequential(nn.Flatten(), nn.LazyLinear(of.classes))\n"
    )
    info = tmp_path / "installed_nets-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-nets\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ticket_hub.plugins]\nnets = installed_nets\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "installed-net" in network_names()


def test_what_an_installed_package_raises_is_said_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_nets.py").write_text("raise ValueError('no such thing')\n")
    info = tmp_path / "broken_nets-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-nets\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ticket_hub.plugins]\nnets = broken_nets\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="nets = broken_nets cannot be imported: ValueError"):
        plugins.load()
