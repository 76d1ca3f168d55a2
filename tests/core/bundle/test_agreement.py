"""Every field that stands twice in a bundle must agree, also once the manifest is resealed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.helpers.bundle_forging import forge_manifest, set_path
from ticket_hub.bundle import BundleContent, Origin, verify_bundle, write_bundle
from ticket_hub.ticket import Ticket


@pytest.mark.parametrize(
    ("path", "value", "claim"),
    [
        ("recipe/network/name", "lenet-300-100", "recipe's network"),
        ("recipe/network/options", {"dropout": 0.5}, "recipe's network"),
        ("recipe/data/name", "mnist", "recipe's data"),
        ("recipe/data/size", 16, "recipe's data"),
        ("data/name", "mnist", "recipe's data"),
        ("data/mean", [0.5], "config.json"),  # where it stands as well
        ("data/std", [1.0, 1.0], "config.json"),
        ("recipe/search/trials", 3, "recipe's trials"),
        ("recipe/search/trials", 1, "recipe's trials"),
        ("recipe/search/levels", 2, "recipe's levels"),
        ("recipe/search/seed", 7, "recipe's seeds"),
        ("trials/1/seed", 5, "recipe's seeds"),
        ("recipe/search/rewind", "20it", "recipe's start"),
        ("trials/0/start", 20, "recipe's start"),
        ("recipe/training/iterations", 100, "evidence"),
        ("recipe/training/iterations", 60, "evidence"),
    ],
)
def test_a_recipe_that_its_tickets_contradict_is_noticed(
    bundle: Path, path: str, value: object, claim: str
) -> None:
    assert verify_bundle(bundle).holds
    forge_manifest(bundle, set_path(path, value))
    failures = verify_bundle(bundle).failures
    assert claim in [each.name for each in failures], failures
    assert all(each.problem for each in failures)


@pytest.mark.parametrize("values", [{"mean": (0.5,)}, {"std": (0.5,)}, {"std": (1.0, 1.0)}])
def test_another_normalization_than_the_recipe_s_is_noticed(
    values: dict[str, tuple[float, ...]], tmp_path: Path, content: BundleContent
) -> None:
    data = dataclasses.replace(content.data, **values)  # type: ignore[arg-type]
    write_bundle(tmp_path / "bundle", dataclasses.replace(content, data=data))
    assert [each.name for each in verify_bundle(tmp_path / "bundle").failures] == ["recipe's data"]


def test_tickets_of_an_import_and_single_tickets_are_no_contradiction(
    tmp_path: Path, bundle: Path, content: BundleContent
) -> None:
    Ticket.load(bundle, level=2, trial=1).save_pretrained(tmp_path / "single")
    assert verify_bundle(tmp_path / "single").holds
    lineage = {"lineage": (Origin(kind="open_lth", source="elsewhere"),)}
    imported = BundleContent(
        **{**vars(content), **lineage, "trials": content.trials[:1]}
        | {
            "levels": tuple(
                type(level)(index=level.index, masks=level.masks[:1], curves=(), backends=())
                for level in content.levels
            )
        }
    )
    write_bundle(tmp_path / "imported", imported)
    assert verify_bundle(tmp_path / "imported").holds
