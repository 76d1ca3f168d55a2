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

from ticket_hub.bundle import BundleContent, DataRecord, open_bundle, verify_bundle, write_bundle
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


def test_the_model_index_parses_by_itself(bundle: Path) -> None:
    text = (bundle / "README.md").read_text("utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    _, results = model_index_to_eval_results(front["model-index"])
    assert results[0].dataset_type == "digits"


def test_evaluation_results_are_written_in_the_hubs_format(
    tmp_path: Path, content: BundleContent
) -> None:
    write_bundle(tmp_path, with_data(content, "cifar10"))
    table = yaml.safe_load((tmp_path / ".eval_results/ticket.yaml").read_text("utf-8"))
    (entry,) = parse_results(table)
    assert (entry.dataset_id, entry.task_id) == ("uoft-cs/cifar10", "default")
    assert 0 <= entry.value <= 1
    assert verify_bundle(tmp_path).holds


def test_a_data_set_that_the_hub_does_not_have_gets_no_evaluation_results(bundle: Path) -> None:
    assert not (bundle / ".eval_results").exists()


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
        "model-index",
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
    assert "winning" not in text.partition("## Load it")[0]


def test_another_card_can_be_given(tmp_path: Path, content: BundleContent) -> None:
    write_bundle(tmp_path, content, card=lambda manifest: f"# {manifest.recipe.name}\n")
    assert (tmp_path / "README.md").read_text("utf-8").startswith("# digits-quick\n")
