from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest

from ticket_hub.recipe import load_recipe, recipe_names
from ticket_hub.recipe.schema import recipe_schema

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = recipe_schema()
CHECKED = jsonschema.Draft7Validator(SCHEMA)


def packaged(name: str) -> dict[str, Any]:
    file = resources.files("ticket_hub.recipe.packaged").joinpath(f"{name}.toml")
    return tomllib.loads(file.read_text("utf-8"))


def test_it_is_a_schema_in_which_every_key_has_a_meaning() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    for part in ("network", "data", "training", "pruning", "search"):
        for key, about in SCHEMA["properties"][part]["properties"].items():
            assert about["description"], f"{part}.{key}"


@pytest.mark.parametrize("name", recipe_names())
def test_every_packaged_recipe_fits_as_it_is_written_and_whole(name: str) -> None:
    CHECKED.validate(packaged(name))
    whole = load_recipe(name).to_table()
    CHECKED.validate(tomllib.loads(load_recipe(name).to_toml()))
    properties = SCHEMA["properties"]
    for part, keys in packaged(name).items():
        if isinstance(keys, dict):
            for key in set(whole[part]) - set(keys) - {"init", "rates"}:
                value = whole[part][key]
                assert value is None or properties[part]["properties"][key]["default"] == value


def test_a_recipe_that_extends_another_needs_no_more() -> None:
    CHECKED.validate({"extends": "lenet-mnist", "training": {"iterations": 20000}})
    with pytest.raises(jsonschema.ValidationError, match="'network' is a required property"):
        CHECKED.validate({"training": {"iterations": 20000}})


@pytest.mark.parametrize(
    ("part", "key", "value", "says"),
    [
        ("training", "iteration", 5, "'iteration' was unexpected"),
        ("training", "iterations", "many", "is not of type 'integer'"),
        ("training", "precision", "fp8", "is not one of"),
        ("pruning", "scope", "local", "is not one of"),
        ("pruning", "rates", {"fc": "half"}, "is not of type 'number'"),
        ("data", "crop", "zoomed", "is not valid under any"),
    ],
)
def test_what_the_loader_refuses_by_type_is_wrong(
    part: str, key: str, value: object, says: str
) -> None:
    table = packaged("lenet-mnist")
    table[part][key] = value
    with pytest.raises(jsonschema.ValidationError, match=says):
        CHECKED.validate(table)


def test_names_that_a_plugin_may_add_are_no_closed_set() -> None:
    table = packaged("lenet-mnist")
    table["pruning"]["criterion"] = "mine"
    CHECKED.validate(table)
    assert "magnitude" in SCHEMA["properties"]["pruning"]["properties"]["criterion"]["examples"]
    assert "auto" in SCHEMA["properties"]["training"]["properties"]["backend"]["examples"]
