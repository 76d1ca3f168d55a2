"""`ticket recipes`."""

from __future__ import annotations

import json
from typing import Any

import click

from ticket_hub.recipe import load_recipe, recipe_names
from ticket_hub.recipe.schema import recipe_schema
from ticket_hub.table import Column
from ticket_hub_cli import options
from ticket_hub_cli.assignments import settings
from ticket_hub_cli.named_types import RECIPE
from ticket_hub_cli.output import CommandOutput

COLUMNS = [Column("name", "NAME"), Column("about", "WHAT IT IS")]


@options.command(
    "recipes",
    "ticket recipes",
    "ticket recipes lenet-mnist",
    "ticket recipes lenet-mnist --set search.trials=3 > mine.toml",
    "ticket recipes --schema > recipe.schema.json",
)
@click.argument("name", type=RECIPE, required=False)
@click.option("--schema", is_flag=True, help="The JSON Schema of a recipe's file, for an editor.")
@options.set_option
@options.output_options
def command(
    name: str | None, schema: bool, assignments: tuple[str, ...], out: CommandOutput
) -> None:
    """List the packaged recipes, or print one whole recipe as TOML."""
    if schema:
        out.text(json.dumps(recipe_schema(), indent=2))
        return
    if name is None:
        out.table([_row(each) for each in recipe_names()], COLUMNS, name="name")
        out.hint("Print one with `ticket recipes NAME`, run it with `ticket find NAME`.")
        return
    recipe = load_recipe(name).replace(settings(assignments))
    if out.form == "human":
        out.text(recipe.to_toml())
    elif out.form == "quiet":
        out.text(recipe.name)
    else:
        out.json(recipe.to_table())


def _row(name: str) -> dict[str, Any]:
    recipe = load_recipe(name)
    return {
        "name": name,
        "about": recipe.about,
        "network": recipe.network.name,
        "data": recipe.data.name,
        "levels": recipe.search.levels,
        "trials": recipe.search.trials,
    }
