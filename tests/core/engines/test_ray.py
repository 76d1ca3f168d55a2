from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ray_cluster
from tests.helpers.engine_waiting import until_over
from tests.helpers.runs import files
from ticket_hub import search
from ticket_hub.engines.base import Work
from ticket_hub.engines.choice import make_engine
from ticket_hub.engines.local import LocalEngine
from ticket_hub.engines.slots import SlotPool, cpu_slots
from ticket_hub.errors import EngineError
from ticket_hub.recipe import Recipe

CHECKOUT = Path(__file__).resolve().parents[3]
Making = Callable[..., Work]


def _run(program: str, *arguments: Path | str, **environment: str) -> dict[str, Any]:
    """What a program prints. Ray belongs to a whole process, so it is not this one."""
    ran = subprocess.run(
        [sys.executable, "-m", f"tests.helpers.{program}", *map(str, arguments)],
        cwd=CHECKOUT,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.mark.slow  # Ray's own start is most of it
@pytest.mark.parametrize("processes", [1, 2])
def test_works_are_done_and_cancelled_on_ray(
    find_work: Making, tiny: Recipe, endless: Recipe, tmp_path: Path, processes: int
) -> None:
    pytest.importorskip("ray")
    tiny, endless = (each.replace({"training.backend": "plain"}) for each in (tiny, endless))
    places = []
    for name, recipe in (("short", tiny), ("endless", endless)):
        places.append(tmp_path / f"{name}.json")
        places[-1].write_text(json.dumps(find_work(recipe, tmp_path / name).to_table()), "utf-8")
    told = _run("ray_alone", tmp_path, *places, str(processes))
    assert told["states"] == ["finished", "cancelled"]
    assert told["codes"] == [75]
    assert told["bundle"] == str(tmp_path / "short/bundle")
    assert (tmp_path / "endless/checkpoints/000/trial-0.json").exists()
    here = LocalEngine(pool=SlotPool(cpu_slots(1), tmp_path / "slots"), processes=processes)
    here.submit(tmp_path / "work", find_work(tiny, tmp_path / "there"))
    assert until_over(here, tmp_path / "work") == ["finished"]
    assert files(tmp_path / "short") == files(tmp_path / "there")


@pytest.mark.slow
def test_a_search_loses_one_node_of_three_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    quick = {"RAY_health_check_initial_delay_ms": "1000", "RAY_health_check_period_ms": "500"}
    told = _run("ray_cluster", tmp_path, **quick)
    assert told["slots"] == 3
    assert told["killed"]
    assert sorted(told["begun"].values()) == [1, 1, 2]
    search.find(ray_cluster.recipe(), run_folder=tmp_path / "there", workers=1)
    assert files(tmp_path / "run") == files(tmp_path / "there")


def test_options_of_ray_are_checked() -> None:
    pytest.importorskip("ray")
    with pytest.raises(EngineError, match="no option 'nodes'"):
        make_engine("ray", {"nodes": "3"})
    with pytest.raises(EngineError, match="cannot be 'x'"):
        make_engine("ray", {"gpus": "x"})
