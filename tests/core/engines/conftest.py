from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.once import once
from tests.helpers.runs import files, tiny_recipe
from ticket_hub import search
from ticket_hub.engines.base import Find, Work
from ticket_hub.engines.local import LocalEngine
from ticket_hub.engines.slots import SlotPool, cpu_slots
from ticket_hub.recipe import Recipe

Making = Callable[..., Work]


@pytest.fixture
def tiny() -> Recipe:
    """Three levels of four small networks on digits, a few iterations each."""
    return tiny_recipe(trials=4)


@pytest.fixture
def endless(tiny: Recipe) -> Recipe:
    """The same, with more iterations than anybody waits for."""
    return tiny.replace({"training.iterations": 10_000_000, "training.evaluate_every": 2_000})


@pytest.fixture
def long(tiny: Recipe) -> Recipe:
    """Two levels of some two seconds each: long enough to be disturbed, and short enough to end."""
    return tiny.replace(
        {"training.iterations": 2_500, "training.evaluate_every": 250, "search.levels": 1}
    )


@pytest.fixture
def undisturbed(long: Recipe, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of that search, made in one go."""

    def make(folder: Path) -> None:
        search.find(long, run_folder=folder / "run", workers=1)

    return files(once(tmp_path_factory, "undisturbed", make) / "run")


@pytest.fixture
def find_work(tiny: Recipe, tmp_path: Path) -> Making:
    """A search as a work."""

    def make(recipe: Recipe = tiny, run: Path = tmp_path / "run", **facts: object) -> Work:
        places = {"run_folder": str(run), "data_dir": str(tmp_path / "data")}
        given = {"device": "cpu", "workers": 1} | places | facts
        return Work(find=Find(recipe=recipe), **given)  # type: ignore[arg-type]

    return make


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    """Two slots of this test alone; whatever still runs is ended."""
    engine = LocalEngine(pool=SlotPool(cpu_slots(2), tmp_path / "slots"))
    yield engine
    for folder in tmp_path.glob("work*"):
        engine.cancel(folder)
    engine.close()
