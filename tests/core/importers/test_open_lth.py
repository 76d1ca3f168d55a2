from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from foreign import Executed, OpenLeNet, OpenResNet, OpenVGG, random_state, write_open_lth
from torch import nn

from ticket_hub.bundle import verify_bundle
from ticket_hub.bundle.importers import import_tickets
from ticket_hub.errors import ImportRefusedError
from ticket_hub.ticket import Ticket

LENET = "mnist_lenet_12_7"


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
    assert not manifest.bit_exact
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
    assert manifest.recipe.search.rewind == "500it"
    assert torch.equal(Ticket.load(tmp_path / "out").theta0["output.weight"], theta0["fc.weight"])


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
