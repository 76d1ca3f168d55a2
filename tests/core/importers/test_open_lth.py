from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.helpers.foreign import (
    Executed,
    OpenLeNet,
    OpenResNet,
    OpenVGG,
    random_state,
    write_open_lth,
)
from ticket_hub.bundle import verify_bundle
from ticket_hub.errors import ImportRefusedError
from ticket_hub.interop.importers import import_tickets
from ticket_hub.interop.importers.hparams import (
    iterations,
    nearest_recipe,
    per_epoch,
    read_hparams,
    unsaid,
)
from ticket_hub.recipe import PartialRecipe, Recipe
from ticket_hub.ticket import Ticket
from ticket_hub.types import Architecture

LENET = "mnist_lenet_12_7"

GENUINE = """\
Dataset Hyperparameters
    * dataset_name => mnist
    * batch_size => 60
    * subsample_fraction => 0.02
Model Hyperparameters
    * model_name => mnist_lenet_20_10
    * model_init => kaiming_normal
    * batchnorm_init => uniform
Pretraining Dataset Hyperparameters
    * dataset_name => mnist
    * batch_size => 60
    * subsample_fraction => 0.02
Pretraining Training Hyperparameters
    * optimizer_name => sgd
    * lr => 0.1
    * training_steps => 1ep10it
    * milestone_steps => 1ep,1ep15it
    * gamma => 0.1
Pruning Hyperparameters
    * pruning_strategy => sparse_global
    * pruning_fraction => 0.2
    * pruning_layers_to_ignore => fc.weight
Training Hyperparameters
    * optimizer_name => sgd
    * lr => 0.1
    * training_steps => 2ep5it
    * milestone_steps => 1ep,1ep15it
    * gamma => 0.1"""
"""What open_lth itself wrote, at its commit 2ce732f."""


def nearest(tmp_path: Path, *changes: tuple[str, str], start: int = 30) -> Recipe | PartialRecipe:
    text = GENUINE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "hparams.log").write_text(text)
    network = Architecture(name="lenet-20-10", channels=1, height=28, width=28, classes=10)
    log = read_hparams(tmp_path / "hparams.log")
    return nearest_recipe(log, network, start=start, levels=2, trials=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0ep", 0), ("0it", 0), ("500it", 500), ("2ep", 938), ("1ep50it", 519), ("0ep20it", 20)],
)
def test_steps_are_epochs_and_iterations(text: str, expected: int) -> None:
    assert iterations(text, 469) == expected


@pytest.mark.parametrize("text", ["", "50", "ep", "1ep it", "50it1ep", "-1it", "1.5ep"])
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(ImportRefusedError, match="none that open_lth writes"):
        iterations(text, 469)


def test_steps_without_epochs_need_no_length_of_an_epoch() -> None:
    assert iterations("0ep20it", None) == 20
    with pytest.raises(ImportRefusedError, match="how many an epoch"):
        iterations("1ep20it", None)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"dataset_name": "mnist", "batch_size": "128"}, 469),
        ({"dataset_name": "cifar10", "batch_size": "128"}, 391),
        ({"dataset_name": "imagenet", "batch_size": "1024"}, 1252),
        ({"dataset_name": "mnist", "batch_size": "60", "subsample_fraction": "0.02"}, 20),
        ({"dataset_name": "mnist", "batch_size": "60", "subsample_fraction": "0.0201"}, 21),
        ({"dataset_name": "own", "batch_size": "60"}, None),
        ({"dataset_name": "mnist", "batch_size": "0"}, None),
    ],
)
def test_an_epoch_has_the_batches_of_the_examples_that_are_used(
    data: dict[str, str], expected: int | None
) -> None:
    assert per_epoch({"Dataset Hyperparameters": data}) == expected


def test_a_genuine_log_keeps_data_optimizer_rates_and_rewinding(tmp_path: Path) -> None:
    recipe = nearest(tmp_path)
    assert isinstance(recipe, Recipe)
    assert recipe.data.name == "mnist"
    assert (recipe.training.optimizer, recipe.training.lr) == ("sgd", 0.1)
    assert recipe.training.iterations == 2 * 20 + 5
    assert recipe.training.milestones == (20, 35)
    assert dict(recipe.pruning.rates) == {"fc": 0.2}
    assert recipe.search.rewind == "30it"
    assert unsaid(read_hparams(tmp_path / "hparams.log")) == [
        "hparams.log also says what no recipe here can: subsample_fraction => 0.02."
    ]


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        (("sparse_global", "own_strategy"), ("pruning",)),
        (("pruning_layers_to_ignore => fc.weight", "pruning_layers_to_ignore => a"), ("pruning",)),
        (("kaiming_normal", "kaiming_uniform"), ("network",)),
        (("optimizer_name => sgd", "optimizer_name => own"), ("training",)),
        (("dataset_name => mnist", "dataset_name => own"), ("data", "training")),
    ],
)
def test_what_has_no_name_here_is_unknown_and_the_rest_is_kept(
    tmp_path: Path, change: tuple[str, str], unknown: tuple[str, ...]
) -> None:
    recipe = nearest(tmp_path, change)
    assert isinstance(recipe, PartialRecipe)
    assert recipe.unknown == unknown


def test_a_pretraining_of_another_kind_is_no_rewinding(tmp_path: Path) -> None:
    recipe = nearest(tmp_path, ("    * training_steps => 1ep10it", "    * training_steps => 9ep"))
    assert isinstance(recipe, Recipe)
    other = "* training_steps => 1ep10it\n    * weight_decay => 0.1"
    recipe = nearest(tmp_path, ("* training_steps => 1ep10it", other))
    assert isinstance(recipe, PartialRecipe)
    assert recipe.unknown == ("search",)
    assert any("pretraining" in note for note in unsaid(read_hparams(tmp_path / "hparams.log")))


def test_every_replicate_and_level_comes_over_exactly(tmp_path: Path) -> None:
    source = tmp_path / "lottery_184ace1d"
    written = [
        write_open_lth(source / f"replicate_{r}", OpenLeNet(), model=LENET, seed=r) for r in (1, 2)
    ]
    manifest = import_tickets(source, tmp_path / "out")
    assert verify_bundle(tmp_path / "out").holds
    assert manifest.architecture.name == "lenet-12-7"
    assert [level.index for level in manifest.levels] == [0, 1, 2]
    for trial, (theta0, masks) in enumerate(written):
        for level, mask in enumerate(masks):
            ticket = Ticket.load(tmp_path / "out", level=level, trial=trial)
            for theirs, ours in (
                ("fc_layers.0", "hidden.0"),
                ("fc_layers.1", "hidden.1"),
                ("fc", "output"),
            ):
                weight, bias = f"{theirs}.weight", f"{theirs}.bias"
                assert torch.equal(ticket.theta0[f"{ours}.weight"], theta0[weight])
                assert torch.equal(ticket.theta0[f"{ours}.bias"], theta0[bias])
                assert torch.equal(ticket.mask[f"{ours}.weight"], mask[weight].bool())


def test_the_recipe_is_what_hparams_say(tmp_path: Path) -> None:
    write_open_lth(tmp_path / "replicate_1", OpenLeNet(), model=LENET)
    recipe = import_tickets(tmp_path / "replicate_1", tmp_path / "out").recipe
    assert isinstance(recipe, Recipe)
    assert recipe.training.iterations == 2 * 469
    assert recipe.training.milestones == (469,)
    assert recipe.training.batch_size == 128
    assert dict(recipe.pruning.rates) == {"fc": 0.2}
    assert recipe.pruning.scope == "global"
    assert "nearest" in recipe.about


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    write_open_lth(tmp_path / "replicate_1", OpenLeNet(), model=LENET)
    manifest = import_tickets(tmp_path / "replicate_1", tmp_path / "out")
    assert manifest.lineage[0].kind == "open_lth"
    said = " ".join(origin.source for origin in manifest.lineage)
    assert "Accuracies were not imported" in said
    assert str(tmp_path) not in said
    assert manifest.bit_exact is None
    assert [trial.seed for trial in manifest.trials] == [None]
    assert manifest.data.fingerprint is None
    assert all(level.evidence is None for level in manifest.levels)


def test_files_without_a_zip_container_are_read(tmp_path: Path) -> None:
    theta0, _ = write_open_lth(tmp_path / "replicate_1", OpenLeNet(), model=LENET, legacy=True)
    import_tickets(tmp_path / "replicate_1", tmp_path / "out")
    ticket = Ticket.load(tmp_path / "out", level=2)
    assert torch.equal(ticket.theta0["output.weight"], theta0["fc.weight"])


@pytest.mark.parametrize(
    ("module", "model", "network"),
    [(OpenResNet(), "cifar_resnet_8_4", "resnet-8"), (OpenVGG(), "cifar_vgg_11", "vgg-11")],
)
def test_a_network_computes_here_what_it_computes_there(
    tmp_path: Path, module: nn.Module, model: str, network: str
) -> None:
    source = tmp_path / "replicate_1"
    theta0, masks = write_open_lth(source, module, model=model, data="cifar10", levels=2)
    manifest = import_tickets(source, tmp_path / "out")
    assert verify_bundle(tmp_path / "out").holds
    assert manifest.architecture.name == network
    ours = Ticket.load(tmp_path / "out", level=1).build()
    module.load_state_dict(
        {name: v * masks[1][name] if name in masks[1] else v for name, v in theta0.items()}
    )
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    # with the statistics of the batch, as at the start of training
    torch.testing.assert_close(ours(images), module(images), rtol=1e-3, atol=1e-3)


def test_rewound_weights_are_those_of_their_step(tmp_path: Path) -> None:
    source = tmp_path / "replicate_1"
    theta0, _ = write_open_lth(source, OpenLeNet(), model=LENET, start=(1, 31), rewinding="500it")
    manifest = import_tickets(source, tmp_path / "out")
    assert [trial.start for trial in manifest.trials] == [500]
    assert isinstance(manifest.recipe, Recipe)
    assert manifest.recipe.search.rewind == "500it"
    assert torch.equal(Ticket.load(tmp_path / "out").theta0["output.weight"], theta0["fc.weight"])


@pytest.mark.parametrize(("steps", "start"), [("1ep31it", (1, 31)), ("0ep20it", (0, 20))])
def test_rewinding_may_be_written_in_epochs_and_iterations(
    tmp_path: Path, steps: str, start: tuple[int, int]
) -> None:
    source, expected = tmp_path / "replicate_1", 469 * start[0] + start[1]
    write_open_lth(source, OpenLeNet(), model=LENET, start=start, rewinding=steps, end="2ep")
    manifest = import_tickets(source, tmp_path / "out")
    assert [trial.start for trial in manifest.trials] == [expected]
    assert isinstance(manifest.recipe, Recipe)
    assert manifest.recipe.search.rewind == f"{expected}it"


def test_the_start_is_found_where_nobody_knows_how_long_an_epoch_is(tmp_path: Path) -> None:
    source = tmp_path / "replicate_1"
    theta0, _ = write_open_lth(
        source, OpenLeNet(), model=LENET, data="own", start=(1, 31), rewinding="1ep31it"
    )
    with pytest.raises(ImportRefusedError, match="how many an epoch"):
        import_tickets(source, tmp_path / "out")
    manifest = import_tickets(source, tmp_path / "out", start=500)
    assert torch.equal(Ticket.load(tmp_path / "out").theta0["output.weight"], theta0["fc.weight"])
    assert manifest.data.name == "unknown"
    assert manifest.recipe.unknown == ("data", "training")  # type: ignore[union-attr]


def test_cifar10_is_normalized_as_open_lth_does(tmp_path: Path) -> None:
    source = tmp_path / "replicate_1"
    write_open_lth(source, OpenResNet(), model="cifar_resnet_8_4", data="cifar10", levels=2)
    data = import_tickets(source, tmp_path / "out").data
    assert (data.mean, data.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_the_end_of_pretraining_serves_where_level_0_has_no_start(tmp_path: Path) -> None:
    source = tmp_path / "replicate_1"
    write_open_lth(source, OpenLeNet(), model=LENET, start=(1, 31), rewinding="500it")
    (source / "level_pretrain/main").mkdir(parents=True)
    start = source / "level_0/main/model_ep1_it31.pth"
    shutil.move(start, source / "level_pretrain/main/model_ep1_it31.pth")
    assert import_tickets(source, tmp_path / "out").trials[0].start == 500


def test_a_later_level_alone_is_refused_since_its_start_is_masked(tmp_path: Path) -> None:
    source = tmp_path / "replicate_1"
    write_open_lth(source, OpenLeNet(), model=LENET)
    (source / "level_0/main/model_ep0_it0.pth").unlink()
    with pytest.raises(ImportRefusedError, match="masked already"):
        import_tickets(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_start_that_is_masked_itself_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "replicate_1"
    write_open_lth(source, OpenLeNet(), model=LENET, levels=2)
    masked = source / "level_1/main/model_ep0_it0.pth"
    shutil.copy(masked, source / "level_0/main/model_ep0_it0.pth")
    with pytest.raises(ImportRefusedError, match="masked already"):
        import_tickets(source, tmp_path / "out")


def test_a_network_without_counterpart_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "replicate_1"
    write_open_lth(source, OpenLeNet(), model="imagenet_densenet")
    with pytest.raises(ImportRefusedError, match="no counterpart"):
        import_tickets(source, tmp_path / "out")


def test_a_training_without_masks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train_0123/replicate_1/main").mkdir(parents=True)
    with pytest.raises(ImportRefusedError, match="without masks"):
        import_tickets(tmp_path / "train_0123", tmp_path / "out", form="open-lth")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "replicate_1"
    write_open_lth(source, OpenLeNet(widths=(12, 8)), model=LENET)
    with pytest.raises(ImportRefusedError, match=r"hidden\.1\.bias"):
        import_tickets(source, tmp_path / "out")


@pytest.mark.parametrize("name", ["model_ep0_it0.pth", "mask.pth"])
@pytest.mark.parametrize("container", ["zip", "none"])
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(
    tmp_path: Path, name: str, container: str
) -> None:
    source = tmp_path / "replicate_1"
    write_open_lth(source, OpenLeNet(), model=LENET)
    trap = tmp_path / "executed"
    state = random_state(OpenLeNet(), 0) | {"fc.weight": Executed(trap)}
    torch.save(
        state, source / "level_0/main" / name, _use_new_zipfile_serialization=container == "zip"
    )
    with pytest.raises(ImportRefusedError, match="Nothing in it was executed"):
        import_tickets(source, tmp_path / "out")
    assert not trap.exists()
    assert not (tmp_path / "out").exists()
