"""What the source of an imported ticket did not record is unknown, never a number."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.foreign import write_google
from ticket_hub.analysis import plan_analyses
from ticket_hub.bundle import content_of, open_bundle, verify_bundle, write_bundle
from ticket_hub.bundle.amend import amend_bundle
from ticket_hub.bundle.card import plain_card
from ticket_hub.bundle.unknown import unknown_parts
from ticket_hub.errors import BundleFormatError, EvidenceError, RecipeError
from ticket_hub.interop.importers import import_tickets
from ticket_hub.recipe import PartialRecipe, Recipe, load_recipe, recipe_of
from ticket_hub.ticket import Ticket

BEFORE = Path(__file__).resolve().parents[2] / "golden/format-1-imported"
BEFORE_ID = json.loads((BEFORE / "ticket.json").read_bytes())["id"]
ALL = (
    *("initialization", "data", "training", "pruning", "search"),
    *("fingerprint of the data", "normalization", "seeds", "bit-exactness"),
)
PLACEHOLDERS = re.compile(
    r"1 iterations|batches of 1\b|sgd at 1|50%|0{12}|resumed elsewhere|found on unknown"
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    write_google(folder / "src/trial1", sizes=(16, 3, 4), levels=3)
    import_tickets(folder / "src/trial1", folder / "bundle", input_shape=(1, 4, 4))
    return folder / "bundle"


@pytest.mark.parametrize("before", [True, False])
def test_nothing_that_is_unknown_is_a_number(imported: Path, *, before: bool) -> None:
    manifest = open_bundle(BEFORE if before else imported).manifest
    assert isinstance(manifest.recipe, PartialRecipe)
    assert manifest.recipe.name == "imported-from-google"
    assert manifest.bit_exact is None
    data = manifest.data
    assert (data.fingerprint, data.mean, data.std) == (None, None, None)
    assert [trial.seed for trial in manifest.trials] == [None]
    assert unknown_parts(manifest) == ALL


@pytest.mark.parametrize("before", [True, False])
def test_the_card_says_that_it_is_not_known(imported: Path, *, before: bool) -> None:
    card = plain_card(open_bundle(BEFORE if before else imported).manifest)
    assert not PLACEHOLDERS.findall(card.replace("mean 0 and std 1", ""))
    for line in ("training: not known", "pruning: not known", "bit-exact: not known"):
        assert f"- {line}" in card
    assert "- data: not known, fingerprint not known" in card
    assert "Nothing was measured here" in card
    assert '"unknown"' not in card


def test_the_manifest_has_null_for_it(imported: Path) -> None:
    table = json.loads((imported / "ticket.json").read_bytes())
    parts = ("network", "data", "training", "pruning", "search")
    assert [table["recipe"][part] for part in parts] == [None] * 5
    assert table["bit_exact"] is table["data"]["fingerprint"] is table["data"]["mean"] is None
    assert [trial["seed"] for trial in table["trials"]] == [None]


def test_a_bundle_with_placeholders_holds_and_keeps_its_ids_when_written_again(
    tmp_path: Path,
) -> None:
    assert verify_bundle(BEFORE).holds
    manifest = write_bundle(tmp_path / "again", content_of(open_bundle(BEFORE)))
    assert manifest.id == BEFORE_ID
    assert open_bundle(tmp_path / "again").manifest == manifest
    assert verify_bundle(tmp_path / "again").holds
    assert unknown_parts(manifest) == ALL


def test_a_bundle_with_placeholders_gets_a_card_that_is_so_when_it_is_amended(
    tmp_path: Path,
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(BEFORE, bundle)
    assert PLACEHOLDERS.search((bundle / "README.md").read_text())
    assert amend_bundle(bundle).id == BEFORE_ID
    card = (bundle / "README.md").read_text()
    assert "- training: not known" in card
    assert not PLACEHOLDERS.findall(card.replace("mean 0 and std 1", ""))
    assert verify_bundle(bundle).holds


def test_a_single_ticket_of_it_stays_unknown(imported: Path, tmp_path: Path) -> None:
    Ticket.load(imported).save_pretrained(tmp_path / "one")
    manifest = open_bundle(tmp_path / "one").manifest
    assert unknown_parts(manifest) == ALL
    assert [origin.kind for origin in manifest.lineage][-1] == "bundle"


def test_timm_reads_numbers_all_the_same(imported: Path) -> None:
    config = json.loads((imported / "config.json").read_bytes())["pretrained_cfg"]
    assert (config["mean"], config["std"]) == ([0.0], [1.0])


def test_a_bundle_that_was_found_here_has_nothing_unknown(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    assert isinstance(manifest.recipe, Recipe)
    assert unknown_parts(manifest) == ()


def test_half_of_a_normalization_is_refused(imported: Path, tmp_path: Path) -> None:
    content = content_of(open_bundle(imported))
    with pytest.raises(BundleFormatError, match="half of a normalization"):
        write_bundle(tmp_path / "other", replace(content, data=replace(content.data, mean=(0.0,))))


def test_a_recipe_of_which_a_part_is_unknown_comes_back_from_its_table() -> None:
    recipe = load_recipe("digits-quick")
    for part in ("network", "data", "training", "pruning", "search"):
        partial = recipe_of(recipe.to_table() | {part: None})
        assert isinstance(partial, PartialRecipe)
        assert partial.unknown == (part,)
        assert recipe_of(partial.to_table()) == partial
        assert partial.digest != recipe.digest
    assert recipe_of(recipe.to_table()) == recipe
    assert "# search: unknown" in partial.to_toml()
    with pytest.raises(RecipeError, match=r"training\.lr"):
        recipe_of(
            recipe.to_table()
            | {"data": None, "training": recipe.to_table()["training"] | {"lr": -1.0}}
        )


def test_what_trains_as_the_search_did_is_left_out_of_an_analysis(imported: Path) -> None:
    plan = plan_analyses(imported)
    assert {name for name, _ in plan.left_out} == {"movement", "interpolation", "noise"}
    assert all("not known" in reason for _, reason in plan.left_out)
    with pytest.raises(EvidenceError, match="not known"):
        plan_analyses(imported, only=["noise"])
