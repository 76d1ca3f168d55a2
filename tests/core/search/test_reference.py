"""Bundles whose theta0 refers to pretrained weights instead of storing them."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import ticket_hub
from tests.helpers.runs import files, tiny_recipe
from ticket_hub import Ticket, open_bundle, verify_bundle
from ticket_hub.bundle.contents import content_of
from ticket_hub.bundle.layout import CARD
from ticket_hub.bundle.manifest_records import Reference
from ticket_hub.bundle.packing import packed_size
from ticket_hub.bundle.reference import kept_weights
from ticket_hub.bundle.write import write_bundle
from ticket_hub.content_id import content_digest
from ticket_hub.durable import sha256_file
from ticket_hub.errors import (
    BundleDigestError,
    BundleFormatError,
    HubError,
    NetworkError,
    RecipeError,
    SourceMissingError,
)
from ticket_hub.hub import Snapshot, pull
from ticket_hub.hub.folder import FolderHub
from ticket_hub.hub.pull import fetch_reference
from ticket_hub.hub.weights import fetch_weights
from ticket_hub.networks import architecture_for, initialize
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe import NetworkSpec, Recipe
from ticket_hub.search import FindResult, find
from ticket_hub.search.imp import assemble
from ticket_hub.search.parts import part_of
from ticket_hub.search.pretrained import pinned
from ticket_hub.transfer.sharing import push_bundle

OWNER = "ann/letters"
HEAD = {"output.weight", "output.bias"}


def share(hub: FolderHub, folder: Path, *, scale: float = 1.0, prefix: str = "net.") -> str:
    """Push the weights of a trained network, as if somebody had; returns the commit."""
    spec = NetworkSpec(name="lenet-8")
    weights = initialize(architecture_for(spec, (1, 8, 8), 10), spec, 77)
    folder.mkdir(exist_ok=True)
    save_file({prefix + n: v * scale for n, v in weights.items()}, folder / "model.safetensors")
    there = None if scale == 1.0 else hub.snapshot(OWNER).commit
    sent = [("model.safetensors", folder / "model.safetensors")]
    return hub.push(OWNER, sent, message="weights", parent=there).commit


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> FolderHub:
    """A hub with weights that somebody else has trained."""
    place = tmp_path_factory.mktemp("shared")
    hub = FolderHub(place / "hub")
    share(hub, place / "model")
    return hub


@pytest.fixture(scope="module")
def searched(
    shared: FolderHub, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, FindResult]:
    """A search from them, and the TICKET_HOME that it was made in."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKET_HOME", str(home))
        changes = {"network.weights": f"hub:{OWNER}"}
        return home, find(tiny_recipe(2), changes=changes, hub=shared.location, workers=1)


@pytest.fixture
def home(
    searched: tuple[Path, FindResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of the author's TICKET_HOME, where the default hub cannot be reached."""
    place = Path(shutil.copytree(searched[0], tmp_path / "home"))
    monkeypatch.setenv("TICKET_HOME", str(place))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return place


@pytest.fixture
def bundle(home: Path) -> Path:
    return next(home.glob("runs/*/bundle"))


def test_only_what_is_not_of_the_source_is_stored(home: Path, bundle: Path) -> None:
    del home
    manifest = open_bundle(bundle).manifest
    assert (manifest.theta0, manifest.theta0_level) == ("reference", None)
    assert manifest.reference is not None
    assert manifest.reference.source.startswith(f"hub:{OWNER}@")
    assert manifest.reference.names["hidden.0.weight"] == "net.hidden.0.weight"
    for trial in (0, 1):
        assert set(load_file(bundle / f"theta0/{trial}.safetensors")) == HEAD
    assert "model.safetensors" not in manifest.files
    report = verify_bundle(bundle)
    assert report.holds
    assert not report.unchecked
    ticket = Ticket.load(bundle, level=1, trial=1)
    assert torch.equal(
        ticket.theta0["hidden.0.weight"],
        load_file(kept_weights(manifest.reference.sha256))["net.hidden.0.weight"],
    )
    assert ticket.dense
    assert ticket.build().training


def test_ids_and_controls_are_those_of_the_dense_form(bundle: Path, tmp_path: Path) -> None:
    content = content_of(open_bundle(bundle))
    referring = open_bundle(bundle)
    write_bundle(tmp_path / "dense", content, theta0="dense")
    dense = open_bundle(tmp_path / "dense")
    assert (dense.manifest.theta0, dense.manifest.reference) == ("dense", None)
    assert dense.manifest.id == referring.manifest.id
    assert dense.manifest.levels == referring.manifest.levels
    for trial in (0, 1):
        assert content_digest(dense.theta0(trial)) == content_digest(referring.theta0(trial))
    write_bundle(tmp_path / "again", content)
    assert files(tmp_path / "again") == files(bundle)
    Ticket.load(bundle, level=2).save_pretrained(tmp_path / "alone")
    alone = open_bundle(tmp_path / "alone")
    assert alone.manifest.theta0 == "reference"
    assert alone.ticket(2).id == referring.ticket(2).id


def test_a_level_adds_its_masks_and_no_weights(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    packed = sum(packed_size(layer.shape) for layer in manifest.layers)
    header = 8 + 8 * 80 * len(manifest.layers)  # names and places, at most
    for level in manifest.levels:
        for trial in (0, 1):
            size = manifest.files[f"masks/{trial}/{level.index}.safetensors"].size
            assert packed <= size <= packed + header
    head = sum(4 * value.numel() for value in load_file(bundle / "theta0/0.safetensors").values())
    assert head == 4 * (8 * 10 + 10)
    assert manifest.files["theta0/0.safetensors"].size <= head + header


def test_it_is_found_again_and_put_together_as_it_was(home: Path, bundle: Path) -> None:
    run, before = bundle.parent, files(bundle.parent)
    recipe = open_bundle(bundle).manifest.recipe
    assert isinstance(recipe, Recipe)
    levels = find(recipe, run_folder=run).levels
    assert [level.index for level in levels] == [0, 1, 2]
    assert files(run) == before
    shutil.rmtree(run / "levels" / "002")  # as a kill before its end leaves it
    find(recipe, run_folder=run, workers=1)
    assert files(run) == before
    del home


def test_a_pull_fetches_the_source_from_the_same_hub_and_checks_it(
    bundle: Path, shared: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_bundle(bundle, "ann/digits", hub=shared.location)
    there = {file.path for file in shared.snapshot("ann/digits").files}
    assert there == {"ticket.json", *open_bundle(bundle).manifest.files}
    ids = [open_bundle(bundle).ticket(level).id for level in (0, 1, 2)]
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "elsewhere"))
    pulled = pull(shared, "ann/digits", level="all")
    assert verify_bundle(pulled.folder).holds
    assert [open_bundle(pulled.folder).ticket(level).id for level in (0, 1, 2)] == ids
    reference = open_bundle(pulled.folder).manifest.reference
    assert reference is not None
    kept = kept_weights(reference.sha256)
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    with pytest.raises(BundleDigestError, match="its sha256 differs"):
        Ticket.load(pulled.folder)
    again = pull(shared, "ann/digits")
    assert sha256_file(kept) == reference.sha256
    assert Ticket.load(again.folder).id in ids
    assert pull(shared, "ann/digits", local_files_only=True).folder == pulled.folder


def test_a_source_that_is_gone_is_named_with_what_to_bring(
    bundle: Path, shared: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FolderHub(tmp_path / "other")
    push_bundle(bundle, "ann/digits", hub=other.location)
    source = kept_weights(str(open_bundle(bundle).manifest.reference.sha256))  # type: ignore[union-attr]
    data = source.read_bytes()
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(SourceMissingError, match=f"start from hub:{OWNER}") as missing:
        pull(other, "ann/digits")
    place = kept_weights(source.stem)
    assert str(place) in missing.value.remedy
    assert source.stem in missing.value.remedy
    report = verify_bundle(bundle)
    assert report.holds
    assert any("ids of the tickets" in each for each in report.unchecked)
    with pytest.raises(SourceMissingError):
        Ticket.load(bundle)
    with pytest.raises(SourceMissingError):
        push_bundle(bundle, "ann/more", hub=other.location)
    with pytest.raises(HubError, match="does not answer"):
        find(open_bundle(bundle).manifest.recipe, run_folder=bundle.parent)  # type: ignore[arg-type]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)  # brought
    assert Ticket.load(pull(other, "ann/digits").folder).build().training
    assert verify_bundle(bundle).unchecked == ()
    del shared


def test_bytes_that_changed_on_the_hub_are_not_taken(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FolderHub(tmp_path / "other")
    share(other, tmp_path / "model")
    share(other, tmp_path / "model", scale=2.0)
    push_bundle(bundle, "ann/digits", hub=other.location)
    reference = open_bundle(bundle).manifest.reference
    assert reference is not None
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(SourceMissingError, match="is not the file with the sha256"):
        pull(other, "ann/digits")
    share(other, tmp_path / "model", scale=1.0 + 1e-9)  # the same values, under another commit
    assert fetch_weights(f"hub:{OWNER}", hub=other.location).sha256 == reference.sha256
    kept_weights(reference.sha256).unlink()
    assert verify_bundle(pull(other, "ann/digits", level="all").folder).holds


def test_dense_packs_it_all_and_a_file_of_ones_own_is_packed_unless_asked(
    bundle: Path, shared: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = open_bundle(bundle).manifest.id
    push_bundle(bundle, "ann/whole", hub=shared.location, theta0="dense")
    source = kept_weights(open_bundle(bundle).manifest.reference.sha256)  # type: ignore[union-attr]
    shutil.copyfile(source, tmp_path / "mine.safetensors")
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "elsewhere"))
    whole = open_bundle(pull(shared, "ann/whole").folder)
    assert (whole.manifest.theta0, whole.manifest.id) == ("dense", id_)
    assert "model.safetensors" in whole.manifest.files

    changes = {"network.weights": f"file:{tmp_path}/mine.safetensors", "search.levels": 1}
    mine = find(tiny_recipe(1), changes=changes, run_folder=tmp_path / "mine", workers=1)
    assert open_bundle(mine.bundle).manifest.theta0 == "dense"
    push_bundle(mine.bundle, "ann/mine", hub=shared.location, theta0="reference")
    pulled = pull(shared, "ann/mine")
    assert open_bundle(pulled.folder).manifest.theta0 == "reference"
    (tmp_path / "mine.safetensors").unlink()
    with pytest.raises(SourceMissingError, match="ask"):
        Ticket.load(pulled.folder)


def test_what_cannot_be_referred_to_is_refused(bundle: Path, tmp_path: Path) -> None:
    fresh = find(tiny_recipe(1), changes={"search.levels": 0}, run_folder=tmp_path / "f", workers=1)
    with pytest.raises(NetworkError, match="cannot refer to fresh weights"):
        push_bundle(fresh.bundle, "ann/fresh", hub=tmp_path / "hub", theta0="reference")
    content = content_of(open_bundle(bundle))
    moved = dict(content.trials[0].theta0)
    moved["hidden.0.bias"] = moved["hidden.0.bias"] + 1
    trials = (dataclasses.replace(content.trials[0], theta0=moved), content.trials[1])
    with pytest.raises(BundleFormatError, match="not that of hub:"):
        write_bundle(tmp_path / "b", dataclasses.replace(content, trials=trials))
    with pytest.raises(HubError):
        ticket_hub.find(tiny_recipe(1), changes={"network.weights": "hub:no/body"}, hub=tmp_path)


def test_rewound_weights_are_no_longer_those_of_the_source(home: Path, tmp_path: Path) -> None:
    recipe = open_bundle(next(home.glob("runs/*/bundle"))).manifest.recipe
    assert isinstance(recipe, Recipe)
    changes = {"search.rewind": "4it", "search.levels": 0, "search.trials": 1}
    found = find(recipe, changes=changes, run_folder=tmp_path / "run", workers=1)
    assert open_bundle(found.bundle).manifest.theta0 == "dense"


def test_the_card_says_how_to_put_it_together_by_hand(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, card = open_bundle(bundle).ticket(), (bundle / CARD).read_text("utf-8")
    reference = open_bundle(bundle).manifest.reference
    assert reference is not None
    assert reference.source in card
    assert reference.sha256 in card
    shutil.copyfile(kept_weights(reference.sha256), bundle / "source.safetensors")
    monkeypatch.chdir(bundle)
    made: dict[str, dict[str, np.ndarray]] = {}
    exec(re.findall(r"```python\n(.*?)```", card, re.DOTALL)[-1], made)
    weights = made["weights"]
    assert set(weights) == set(ticket.theta0)
    for name, value in masked(ticket.theta0, ticket.mask).items():
        assert np.array_equal(weights[name], value.numpy())


def test_a_ticket_of_a_hub_is_a_start_by_its_digest(
    bundle: Path, shared: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_bundle(bundle)
    commit = push_bundle(bundle, "ann/start", hub=shared.location).commit
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "elsewhere"))
    changes = {"network.weights": "ticket:ann/start:1", "search.levels": 1, "search.seed": 5}
    found = find(
        tiny_recipe(2), changes=changes, hub=shared.location, run_folder=tmp_path / "run", workers=1
    )
    network = found.recipe.network
    assert network.weights == f"ticket:ann/start@{commit}:1"
    made = open_bundle(found.bundle)
    assert made.manifest.theta0 == "reference"
    source = first.theta0(0)
    for trial in (0, 1):
        theta0 = made.theta0(trial)
        assert all(torch.equal(theta0[n], source[n]) for n in set(source) - HEAD)
        assert not torch.equal(theta0["output.weight"], source["output.weight"])
    push_bundle(found.bundle, "ann/next", hub=shared.location)
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "third"))
    pulled = pull(shared, "ann/next")  # with the source of the source
    assert verify_bundle(pulled.folder, partial=True).unchecked == ()
    assert content_digest(open_bundle(pulled.folder).theta0(1)) == content_digest(made.theta0(1))
    other = network.weights_sha256[::-1]
    with pytest.raises(NetworkError, match="the recipe says"):
        find(found.recipe, changes={"network.weights_sha256": other}, hub=shared.location)


def test_the_trained_weights_of_a_run_are_a_start_too(
    home: Path, bundle: Path, tmp_path: Path
) -> None:
    del home
    run = bundle.parent
    trained = load_file(run / "levels/000/trial-0.safetensors")
    changes = {
        "network.weights": f"ticket:{run}:0",
        "network.weights_of": "trained",
        "network.weights_head": "source",
        "search.levels": 1,
    }
    found = find(tiny_recipe(1), changes=changes, run_folder=tmp_path / "run", workers=1)
    made = open_bundle(found.bundle)
    assert made.manifest.theta0 == "dense", "nobody else could fetch them"
    assert all(torch.equal(trained[f"trained/{n}"], v) for n, v in made.theta0(0).items())
    assert find(found.recipe, run_folder=tmp_path / "run").levels == found.levels
    alone = shutil.copytree(bundle, tmp_path / "alone")
    with pytest.raises(NetworkError, match="has no trained weights"):
        find(tiny_recipe(1), changes=changes | {"network.weights": f"ticket:{alone}:0"})
    with pytest.raises(RecipeError, match="weights_of"):
        tiny_recipe(1).replace({"network.weights_of": "trained"})


def test_a_start_from_a_ticket_takes_its_normalization(home: Path, tmp_path: Path) -> None:
    del home
    changes = {"data.normalize": "standard", "search.levels": 0, "search.trials": 1}
    before = find(tiny_recipe(1), changes=changes, run_folder=tmp_path / "run", workers=1)
    data = open_bundle(before.bundle).manifest.data
    recipe = pinned(tiny_recipe(1).replace({"network.weights": f"ticket:{tmp_path}/run"}))
    assert (recipe.data.normalize, recipe.data.mean, recipe.data.std) == (
        "source",
        data.mean,
        data.std,
    )


def test_parts_make_the_run_that_one_process_made(home: Path, bundle: Path, tmp_path: Path) -> None:
    del home
    recipe = open_bundle(bundle).manifest.recipe
    assert isinstance(recipe, Recipe)
    for first in (0, 1):
        find(part_of(recipe, first, 1), run_folder=tmp_path / str(first), workers=1)
    parts = [tmp_path / "0", tmp_path / "1"]
    list(assemble(recipe, parts, run_folder=tmp_path / "whole"))
    assert files(tmp_path / "whole") == files(bundle.parent)


def test_a_source_that_is_its_own_source_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    sha256 = "1" * 64
    asked = []

    class Circle(FolderHub):
        """A hostile hub."""

        def snapshot(self, repo: str, revision: str | None = None) -> Snapshot:
            asked.append((repo, revision))
            here = Reference(source=source, sha256=sha256, size=1, names={"a": "a"})
            fetch_reference(here, self)
            raise AssertionError("nothing could be fetched")

    source = f"ticket:ann/me@{'2' * 40}"
    with pytest.raises(HubError, match="and so on"):
        Circle(tmp_path).snapshot("ann/me")
    assert len(asked) < 40
