from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.foreign import write_google
from ticket_hub.bundle import verify_bundle
from ticket_hub.errors import ImportRefusedError, RecipeError
from ticket_hub.interop.importers import import_tickets
from ticket_hub.recipe import PartialRecipe, Recipe, load_recipe
from ticket_hub.ticket import Ticket


def test_every_trial_and_level_comes_over_exactly(tmp_path: Path) -> None:
    source = tmp_path / "mnist_fc_data"
    written = [write_google(source / f"trial{n}", seed=n) for n in (1, 2)]
    manifest = import_tickets(source, tmp_path / "out")
    assert verify_bundle(tmp_path / "out").holds
    assert manifest.architecture.name == "lenet-6-5"
    assert manifest.architecture.architecture().input_shape == (1, 28, 28)
    for trial, (initial, masks) in enumerate(written):
        for level in range(3):
            ticket = Ticket.load(tmp_path / "out", level=level, trial=trial)
            for index, name in enumerate(("hidden.0", "hidden.1", "output")):
                weight = ticket.theta0[f"{name}.weight"].numpy()
                assert np.array_equal(weight, initial[index].T)
                keep = ticket.mask[f"{name}.weight"].numpy()
                assert np.array_equal(keep, masks[level][index].T == 1)


def test_a_network_computes_here_what_it_computes_there(tmp_path: Path) -> None:
    initial, masks = write_google(tmp_path / "trial1", sizes=(64, 6, 5, 10))
    import_tickets(tmp_path / "trial1", tmp_path / "out")
    network = Ticket.load(tmp_path / "out", level=2).build()
    images = np.random.default_rng(1).random((4, 64)).astype(np.float32)
    values = images
    for index in range(3):
        values = values @ (initial[index] * masks[2][index]).astype(np.float32)
        values = np.maximum(values, 0) if index < 2 else values
    found = network(torch.from_numpy(images).reshape(4, 1, 8, 8))
    torch.testing.assert_close(found, torch.from_numpy(values))


def test_absent_biases_are_0_and_that_is_said(tmp_path: Path) -> None:
    write_google(tmp_path / "trial1")
    manifest = import_tickets(tmp_path / "trial1", tmp_path / "out")
    ticket = Ticket.load(tmp_path / "out")
    assert not ticket.theta0["hidden.0.bias"].any()
    assert any("Biases are not in" in origin.source for origin in manifest.lineage)


def test_an_unknown_recipe_is_called_unknown_and_cannot_be_run(tmp_path: Path) -> None:
    write_google(tmp_path / "trial1")
    manifest = import_tickets(tmp_path / "trial1", tmp_path / "out")
    assert isinstance(manifest.recipe, PartialRecipe)
    assert manifest.recipe.unknown == ("network", "data", "training", "pruning", "search")
    assert manifest.data.name == "unknown"
    assert "not known" in manifest.recipe.about
    with pytest.raises(RecipeError, match="no 'network'"):
        Recipe.from_table(tomllib.loads(manifest.recipe.to_toml()))


def test_a_recipe_may_be_named(tmp_path: Path) -> None:
    write_google(tmp_path / "trial1", sizes=(784, 300, 100, 10), levels=2)
    manifest = import_tickets(tmp_path / "trial1", tmp_path / "out", recipe="lenet-mnist")
    assert manifest.recipe == load_recipe("lenet-mnist")
    assert any("named at the import" in origin.source for origin in manifest.lineage)


def test_a_recipe_of_another_network_is_refused(tmp_path: Path) -> None:
    write_google(tmp_path / "trial1", levels=2)
    with pytest.raises(ImportRefusedError, match="lenet-300-100"):
        import_tickets(tmp_path / "trial1", tmp_path / "out", recipe="lenet-mnist")


def test_a_tree_without_level_0_is_refused(tmp_path: Path) -> None:
    write_google(tmp_path / "trial1")
    shutil.rmtree(tmp_path / "trial1/0/same_init/initial")
    with pytest.raises(ImportRefusedError, match="masked already"):
        import_tickets(tmp_path / "trial1", tmp_path / "out")


def test_an_array_of_objects_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    from tests.helpers.foreign import Executed

    write_google(tmp_path / "trial1")
    trap = tmp_path / "executed"
    array = np.empty(1, dtype=object)
    array[0] = Executed(trap)
    np.save(tmp_path / "trial1/0/same_init/initial/layer1.npy", array, allow_pickle=True)
    with pytest.raises(ImportRefusedError, match=r"layer1\.npy is not an array of numbers"):
        import_tickets(tmp_path / "trial1", tmp_path / "out")
    assert not trap.exists()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x80\x04K\x01.", b"\x00" * 300])
def test_a_damaged_array_is_refused(tmp_path: Path, content: bytes) -> None:
    write_google(tmp_path / "trial1")
    (tmp_path / "trial1/1/same_init/masks/layer0.npy").write_bytes(content)
    with pytest.raises(ImportRefusedError, match=r"layer0\.npy"):
        import_tickets(tmp_path / "trial1", tmp_path / "out")


def test_the_card_says_where_the_tickets_come_from(tmp_path: Path) -> None:
    write_google(tmp_path / "my_run_*1*/trial1")
    import_tickets(tmp_path / "my_run_*1*/trial1", tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    assert "Imported from the files of another system, google:" in card
    assert r"my\_run\_\*1\*/trial1" in card
    assert "- Biases are not in the source's files" in card
