"""What every axis has in common: names without imports, patterns, needs, and who counts."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable

import pytest

from ticket_hub.errors import PluginError, RecipeError
from ticket_hub.recipe import Recipe, axes, load_recipe, recipe_of
from ticket_hub.registry import Registry, supply
from ticket_hub.training import register_optimizer

LAZY = [each for each in vars(axes).values() if isinstance(each, Registry)]


@pytest.mark.parametrize("registry", LAZY, ids=lambda each: each.key)
def test_names_read_from_a_text_are_those_that_importing_it_registers(
    registry: Registry[object],
) -> None:
    declared = registry._built_in()
    shown = registry.known()
    for entry in declared.values():
        importlib.import_module(entry.module)
    assert declared
    for name, read in declared.items():
        known = registry._known[name]
        assert known.takes == read.takes
        assert (known.examples or (name,)) == (read.examples or (name,))
        assert read.about.items() <= known.about.items()
        assert known.needs == (read.needs if registry._gives else ())
    assert registry.known()[: len(shown)] == shown
    homes = {*registry._homes}
    assert {n for n, each in registry._known.items() if each.module in homes} == {*declared}


def test_names_and_what_they_take_are_known_without_pytorch() -> None:
    code = (
        "import sys; from ticket_hub.recipe import axes, load_recipe; "
        "opened = [axes.CONTROLS, axes.BACKENDS, axes.NETWORKS, *axes.OPEN.values()]; "
        "names = [each.names() for each in opened]; axes.NETWORKS.check('lenet-7-5'); "
        "load_recipe('resnet20-rewind-cifar10').replace({'training.optimizer': 'adamw'}); "
        "sys.exit('torch' in sys.modules or not all(names))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_pattern_stands_for_all_its_names_and_shows_its_examples() -> None:
    registry: Registry[str] = Registry("tests.key")
    registry.register(r"\d+:\d+", examples=["2:4"])("n of m")
    registry.register(r"1:\d+", examples=["1:4"])("one of m")
    registry.register("weight")("a weight")
    assert list(registry) == ["2:4", "1:4", "weight"]
    assert [registry[name] for name in ("2:4", "4:8", "1:2")] == ["n of m", "n of m", "one of m"]
    assert "2:" not in registry
    with pytest.raises(RecipeError, match=r"tests\.key cannot be 'wait'.*the nearest is 'weight'"):
        registry.get("wait")


def test_what_is_registered_last_counts() -> None:
    registry: Registry[str] = Registry("tests.key")
    registry.register("one", takes=["a"])("first")
    registry.register("one")("second")
    assert (registry["one"], registry.takes("one"), len(registry)) == ("second", (), 1)


def test_a_function_gets_what_it_asks_for_and_may_ask_for_what_there_is() -> None:
    registry: Registry[Callable[..., int]] = Registry("tests.key", gives=("left", "right"))
    minus = registry.register("minus")(lambda right, left: left - right)
    assert supply(minus, {"left": 5, "right": 3, "more": 1}) == 2
    assert supply(lambda _right: 7, {"left": 5, "right": 3}) == 7
    with pytest.raises(PluginError, match=r"'other' asks for middle.*left, right"):
        registry.register("other")(lambda left, middle: left - middle)
    assert "other" not in registry


def test_what_is_no_optimizer_is_refused_by_its_name() -> None:
    with pytest.raises(PluginError, match="'tests-wrong' is no subclass"):
        register_optimizer("tests-wrong")(dict)  # type: ignore[type-var]
    assert "tests-wrong" not in axes.OPTIMIZERS


def test_a_recipe_with_names_of_somebody_elses_is_read_and_refused_where_it_is_asked_for() -> None:
    table = load_recipe("digits-quick").to_table()
    table["training"] |= {"optimizer": "lion", "schedule": "wave", "momentum": 0.9}
    table["network"] |= {"init": "theirs"}
    table["pruning"] |= {"criterion": "worth", "granularity": "head"}
    recipe = recipe_of(table)
    assert isinstance(recipe, Recipe)
    assert recipe_of(recipe.to_table()) == recipe
    assert recipe.replace({"training.lr": 0.5}).training.optimizer == "lion"  # nobody asked for it
    for key, name in (("training.optimizer", "lion"), ("pruning.granularity", "head")):
        with pytest.raises(RecipeError, match=f"{key} cannot be '{name}'"):
            recipe.replace({key: name})
