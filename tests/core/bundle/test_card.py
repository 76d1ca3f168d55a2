from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub import parse_eval_result_entries as parse_results
from huggingface_hub.repocard_data import model_index_to_eval_results

from ticket_hub.bundle import (
    BundleContent,
    DataRecord,
    amend_bundle,
    open_bundle,
    verify_bundle,
    write_bundle,
)
from ticket_hub.bundle.card_terms import CardTerms, read_terms, written_license
from ticket_hub.errors import BundleFormatError
from ticket_hub.project import ADDRESS
from ticket_hub.recipe import Recipe

# Runs the snippet as a reader would who has numpy and safetensors and nothing else.
WITHOUT_TORCH = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "timm", "ticket_hub", "huggingface_hub"}:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Absent())
exec(compile(open("snippet.py").read(), "snippet.py", "exec"))
assert "torch" not in sys.modules
np.savez("weights.npz", **weights)
"""


def with_data(content: BundleContent, name: str) -> BundleContent:
    record = DataRecord(name=name, fingerprint="1" * 64, mean=(0.0,), std=(1.0,))
    assert isinstance(content.recipe, Recipe)
    recipe = content.recipe.replace({"data.name": name})
    return dataclasses.replace(content, recipe=recipe, data=record)


def run_snippet(bundle: Path) -> dict[str, np.ndarray]:
    text = (bundle / "README.md").read_text("utf-8")
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (bundle / "snippet.py").write_text(snippets[-1], "utf-8")
    subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        cwd=bundle,
        check=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    return dict(np.load(bundle / "weights.npz"))


@pytest.mark.parametrize("theta0", ["dense", "survivors"])
def test_the_snippet_loads_the_ticket_with_numpy_and_safetensors_alone(
    tmp_path: Path, contents: Callable[..., BundleContent], theta0: str
) -> None:
    content = contents(trials=3)
    if theta0 == "survivors":
        write_bundle(tmp_path, content.only(0, 1, 2), theta0="survivors")
    else:
        write_bundle(tmp_path, content)
    ticket = open_bundle(tmp_path).ticket()
    assert ticket.level == 2
    weights = run_snippet(tmp_path)
    assert set(weights) == set(ticket.theta0)
    for name, value in ticket.theta0.items():
        expected = value * ticket.mask[name] if name in ticket.mask else value
        assert np.array_equal(weights[name], expected.numpy())


def test_the_front_matter_is_what_the_hub_reads(
    tmp_path: Path, contents: Callable[..., BundleContent]
) -> None:
    write_bundle(tmp_path, with_data(contents(trials=3), "mnist"))
    data = ModelCard.load(tmp_path / "README.md").data
    assert data.library_name == "ticket-hub"
    assert {"lottery-ticket", "lenet-5-3", "mnist"} <= set(data.tags or [])
    assert data.datasets == ["ylecun/mnist"]
    (result,) = data.eval_results or []
    assert (result.task_type, result.metric_type) == ("image-classification", "accuracy")
    level = open_bundle(tmp_path).level()
    assert level.evidence is not None
    assert result.metric_value == level.evidence.test_accuracy.mean


def test_the_model_index_parses_by_itself(tmp_path: Path, content: BundleContent) -> None:
    write_bundle(tmp_path, with_data(content, "mnist"))
    text = (tmp_path / "README.md").read_text("utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    _, results = model_index_to_eval_results(front["model-index"])
    assert results[0].dataset_type == "ylecun/mnist"


@pytest.mark.parametrize("name", ["digits", "hf:ann/birds"])
def test_data_that_are_no_benchmark_of_the_hub_get_no_results(
    tmp_path: Path, content: BundleContent, name: str
) -> None:
    write_bundle(tmp_path, with_data(content, name))
    assert ModelCard.load(tmp_path / "README.md").data.eval_results is None
    assert not (tmp_path / ".eval_results").exists()


def test_the_first_line_loads_the_tickets_from_where_they_are_shared(bundle: Path) -> None:
    amend_bundle(bundle, terms=CardTerms(repo="ann/digits", license="cc-by-4.0"))
    text = (bundle / "README.md").read_text("utf-8")
    first = re.search(r"^```python\n(.*)\n```$", text, re.MULTILINE)
    assert first
    assert first[1] == 'ticket = ticket_hub.Ticket.from_pretrained("ann/digits")'
    assert text.index(first[0]) < text.index("|")
    assert "pip install ticket-hub" not in text
    assert ADDRESS in text
    assert ModelCard.load(bundle / "README.md").data.license == "cc-by-4.0"
    assert verify_bundle(bundle).holds


def test_what_was_never_shared_is_loaded_from_its_folder(bundle: Path) -> None:
    assert 'Ticket.from_pretrained(".")' in (bundle / "README.md").read_text("utf-8")
    assert ModelCard.load(bundle / "README.md").data.license is None


def test_terms_stay_when_the_bundle_is_written_anew(tmp_path: Path, content: BundleContent) -> None:
    write_bundle(tmp_path, content.only(0))
    amend_bundle(tmp_path, terms=CardTerms(repo="ann/digits", license="mit"))
    write_bundle(tmp_path, content)
    assert read_terms(tmp_path) == CardTerms(repo="ann/digits", license="mit")
    amend_bundle(tmp_path)
    assert read_terms(tmp_path).license == "mit"


@pytest.mark.parametrize(
    ("given", "written"),
    [("Apache-2.0", "apache-2.0"), ("GPL-3.0-or-later", "gpl-3.0"), ("ODbL-1.0", "odbl")],
)
def test_a_licence_is_written_as_the_hub_names_it(given: str, written: str) -> None:
    assert written_license(given) == written


@pytest.mark.parametrize("given", ["", "apache", "my own", "mit\nlibrary_name: x", "x" * 9999])
def test_what_is_no_licence_is_refused_with_the_nearest(given: str) -> None:
    with pytest.raises(BundleFormatError, match="the nearest is") as refused:
        written_license(given)
    assert "SPDX" in refused.value.remedy
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("rewind", "criterion", "papers"),
    [
        ("init", "magnitude", ["1803.03635"]),
        ("40it", "magnitude", ["1803.03635", "1912.05671"]),
        ("lr", "large-final-same-sign", ["1803.03635", "2003.02389", "1905.01067"]),
    ],
)
def test_the_papers_of_the_method_are_tags_and_cited(
    tmp_path: Path, content: BundleContent, rewind: str, criterion: str, papers: list[str]
) -> None:
    assert isinstance(content.recipe, Recipe)
    changes = {"search.rewind": rewind, "pruning.criterion": criterion}
    recipe = content.recipe.replace(changes)
    write_bundle(tmp_path, dataclasses.replace(content, recipe=recipe))
    text = (tmp_path / "README.md").read_text("utf-8")
    tags = ModelCard.load(tmp_path / "README.md").data.tags or []
    assert [tag for tag in tags if tag.startswith("arxiv:")] == [f"arxiv:{n}" for n in papers]
    assert re.findall(r"eprint = {(.*)}", text) == papers


@pytest.mark.parametrize(
    ("weights", "base"),
    [
        (f"hub:google/vit@{'a' * 40}", "google/vit"),
        ("timm:resnet18.a1_in1k", "timm/resnet18.a1_in1k"),
        (f"ticket:ann/digits@{'b' * 40}:3", "ann/digits"),
        ("file:/home/me/weights.safetensors", None),
        ("ticket:my/folder", None),
        ("", None),
    ],
)
def test_the_base_model_is_the_repository_that_weights_came_from(
    tmp_path: Path, content: BundleContent, weights: str, base: str | None
) -> None:
    assert isinstance(content.recipe, Recipe)
    recipe = content.recipe.replace({"network.weights": weights})
    write_bundle(tmp_path, dataclasses.replace(content, recipe=recipe))
    assert ModelCard.load(tmp_path / "README.md").data.base_model == base


def test_evaluation_results_are_written_in_the_hubs_format(
    tmp_path: Path, content: BundleContent
) -> None:
    write_bundle(tmp_path, with_data(content, "cifar10"))
    table = yaml.safe_load((tmp_path / ".eval_results/ticket.yaml").read_text("utf-8"))
    (entry,) = parse_results(table)
    assert (entry.dataset_id, entry.task_id) == ("uoft-cs/cifar10", "default")
    assert 0 <= entry.value <= 1
    assert verify_bundle(tmp_path).holds


@pytest.mark.parametrize("name", ['folder:/home/me/"x"', "hf:owner/name", "folder:a\nb: c"])
def test_names_cannot_break_out_of_the_front_matter(
    tmp_path: Path, content: BundleContent, name: str
) -> None:
    write_bundle(tmp_path, with_data(content, name))
    front = yaml.safe_load((tmp_path / "README.md").read_text("utf-8").split("\n---\n")[0][4:])
    assert set(front) <= {
        "library_name",
        "pipeline_tag",
        "tags",
        "datasets",
        "metrics",
    }


def test_a_card_of_our_own_follows_the_levels(tmp_path: Path, content: BundleContent) -> None:
    write_bundle(tmp_path, content.only(0))
    first = (tmp_path / "README.md").read_text("utf-8")
    write_bundle(tmp_path, content)
    assert (tmp_path / "README.md").read_text("utf-8") != first


@pytest.mark.parametrize(
    "edit", [lambda _: "My own words.\n", lambda text: text + "\nMine, too.\n"]
)
def test_a_readme_that_the_user_wrote_or_edited_stays(
    tmp_path: Path, content: BundleContent, edit: Callable[[str], str]
) -> None:
    write_bundle(tmp_path, content.only(0))
    mine = edit((tmp_path / "README.md").read_text("utf-8"))
    (tmp_path / "README.md").write_text(mine, "utf-8")
    write_bundle(tmp_path, content)
    assert (tmp_path / "README.md").read_text("utf-8") == mine
    assert verify_bundle(tmp_path).holds


def test_a_card_says_that_the_weights_are_untrained_and_claims_nothing_more(bundle: Path) -> None:
    text = (bundle / "README.md").read_text("utf-8")
    assert "these weights are not trained" in text
    assert "this is no verdict" in text
    assert "winning" not in text.partition("## Load it without")[0]


def test_another_card_can_be_given(tmp_path: Path, content: BundleContent) -> None:
    write_bundle(tmp_path, content, card=lambda manifest: f"# {manifest.recipe.name}\n")
    assert (tmp_path / "README.md").read_text("utf-8").startswith("# digits-quick\n")
