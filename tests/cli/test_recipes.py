from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from ticket_hub.recipe import Recipe, load_recipe, recipe_names
from ticket_hub.recipe.schema import recipe_schema
from ticket_hub_cli.main import cli


def test_recipes_lists_all_that_are_packaged(ticket: Callable[..., Any]) -> None:
    ran = ticket("recipes", "--format", "json")
    assert [row["name"] for row in json.loads(ran.stdout)] == recipe_names()
    assert ticket("recipes", "-q").stdout.split() == recipe_names()


def test_people_see_a_table_and_the_next_command(ticket: Callable[..., Any]) -> None:
    ran = ticket("recipes")
    assert ran.stdout.splitlines()[0].split()[0] == "NAME"
    assert load_recipe("digits-quick").about in ran.stdout
    assert "ticket find NAME" in ran.stderr


def test_the_schema_is_printed_whole(ticket: Callable[..., Any]) -> None:
    assert json.loads(ticket("recipes", "--schema").stdout) == recipe_schema()


@pytest.mark.parametrize("name", recipe_names())
def test_a_printed_recipe_is_a_file_that_means_the_same(
    name: str, ticket: Callable[..., Any]
) -> None:
    printed = ticket("recipes", name).stdout
    assert Recipe.from_table(tomllib.loads(printed)) == load_recipe(name)


def test_a_recipe_can_be_changed_while_it_is_printed(
    ticket: Callable[..., Any], tmp_path: Path
) -> None:
    ran = ticket("recipes", "digits-quick", "--set", "search.rewind=500it", "--set", "data.crop=2")
    mine = tmp_path / "mine.toml"
    mine.write_text(ran.stdout)
    assert load_recipe(str(mine)).search.rewind == "500it"
    assert load_recipe(str(mine)).data.crop == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["digits-quik"], 3, "digits-quick"),
        (["digits-quick", "--set", "training.iteratons=5"], 3, "training.iterations"),
        (["digits-quick", "--set", "training.lr=-1"], 3, "above 0"),
        (["digits-quick", "--set", "training.lr"], 2, "KEY=VALUE"),
        (["./nowhere.toml"], 3, "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    arguments: list[str], code: int, words: str, ticket: Callable[..., Any]
) -> None:
    ran = ticket("recipes", *arguments)
    assert ran.code == code
    assert words in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "given", "found"),
    [
        (["find", "x", "--set"], "training.optim", ["training.optimizer="]),
        (
            ["find", "x", "--set"],
            "training.optimizer=ad",
            ["training.optimizer=adam", "training.optimizer=adamw"],
        ),
        (
            ["find", "x", "--set"],
            "network.name=lenet-3",
            ["network.name=lenet-300-100"],
        ),
        (["retrain", "x", "--against"], "sh", ["shuffle", "shuffled-pretrained"]),
        (
            ["retrain", "x", "--against"],
            "reinit,rei",
            ["reinit,reinit-same-sign"],
        ),
    ],
)
def test_the_shell_completes_keys_and_names(
    arguments: list[str], given: str, found: list[str]
) -> None:
    complete = ShellComplete(cli, {}, "ticket", "_TICKET_COMPLETE")
    assert [item.value for item in complete.get_completions(arguments, given)] == found


def test_the_shell_completes_recipes() -> None:
    complete = ShellComplete(cli, {}, "ticket", "_TICKET_COMPLETE")
    found = complete.get_completions(["recipes"], "digits")
    assert [item.value for item in found] == ["digits-quick"]
