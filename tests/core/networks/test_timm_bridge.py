from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ticket_hub import Ticket, find
from ticket_hub.bundle.network import layer_records
from ticket_hub.errors import NetworkError
from ticket_hub.networks import architecture_for, build, initialize, outline
from ticket_hub.networks.timm_bridge import _refuse_other_weights
from ticket_hub.pruning.coverage import never_pruned
from ticket_hub.pruning.plan import groups
from ticket_hub.recipe import NetworkSpec, PruningSpec
from ticket_hub.types import Architecture, Option


def architecture(
    name: str, shape: tuple[int, int, int] = (3, 64, 64), classes: int = 7, **options: Option
) -> Architecture:
    return architecture_for(NetworkSpec(name=f"timm:{name}", options=options), shape, classes)


def kinds(one: Architecture) -> dict[str, int]:
    found: dict[str, int] = {}
    for layer in outline(one).layers:
        found[layer.kind] = found.get(layer.kind, 0) + 1
    return found


def test_a_residual_network_has_convolutions_shortcuts_and_an_output() -> None:
    rest = {"stem": 1, "output": 1}
    assert kinds(architecture("resnet18")) == {"conv": 16, "shortcut": 3} | rest
    assert kinds(architecture("resnet50")) == {"conv": 48, "shortcut": 4} | rest


@pytest.mark.parametrize("name", ["resnetv2_18", "regnetx_002", "repghostnet_050", "res2net50d"])
def test_shortcuts_are_known_in_other_families(name: str) -> None:
    found = kinds(architecture(name))
    assert found["shortcut"] >= 3
    assert found["output"] == 1


def test_a_stage_that_downsamples_on_its_main_path_has_no_shortcuts() -> None:
    assert "shortcut" not in kinds(architecture("convnext_atto"))
    assert "shortcut" not in kinds(architecture("swin_tiny_patch4_window7_224", (3, 224, 224)))


def test_tokens_positions_and_norms_of_a_transformer_stay_dense() -> None:
    one = architecture("vit_tiny_patch16_224", (3, 32, 32))
    prunable = {layer.name for layer in outline(one).layers}
    assert {"cls_token", "pos_embed", "norm.weight"} <= set(outline(one).shapes) - prunable
    assert kinds(one) == {"stem": 1, "fc": 48, "output": 1}


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("resnet18", "conv1.weight"),
        ("resnet50d", "conv1.0.weight"),
        ("vit_tiny_patch16_224", "patch_embed.proj.weight"),
        ("convnext_atto", "stem.0.weight"),
        ("mobilenetv1_100", "conv_stem.weight"),
        ("densenet121", "features.conv0.weight"),
    ],
)
def test_the_stem_is_the_first_layer(name: str, stem: str) -> None:
    layers = outline(architecture(name)).layers
    assert [layer.name for layer in layers if layer.kind == "stem"] == [stem]


def test_a_recipe_that_does_not_name_the_stem_means_it_by_conv() -> None:
    layers = outline(architecture("resnet18")).layers
    before = PruningSpec(rates={"conv": 0.2, "shortcut": 0.2})
    apart = PruningSpec(rates={"conv": 0.2, "shortcut": 0.2, "stem": 0.0})
    stem = next(layer.size for layer in layers if layer.kind == "stem")
    whole = sum(group.size for group in groups(before, layers))
    assert sum(group.size for group in groups(apart, layers)) == whole - stem
    found = {each.name: each.kind for each in layer_records(layers, before)}
    assert found["conv1.weight"] == "conv"
    assert "stem" not in found.values()
    named = {each.name: each.kind for each in layer_records(layers, apart)}
    assert named == found | {"conv1.weight": "stem"}
    assert any("stem" in each for each in never_pruned(apart, layers))
    assert not any("stem" in each for each in never_pruned(before, layers))


def test_every_layer_of_a_head_that_gives_classes_is_output() -> None:
    one = architecture("deit_tiny_distilled_patch16_224", (3, 32, 32))
    output = [layer.name for layer in outline(one).layers if layer.kind == "output"]
    assert output == ["head.weight", "head_dist.weight"]
    assert kinds(architecture("caformer_s18"))["output"] == 1  # its head has a hidden layer


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("resnet18", (1, 28, 28), 10), ("vit_tiny_patch16_224", (1, 32, 48), 26)],
)
def test_channels_classes_and_image_size_come_from_the_architecture(
    name: str, shape: tuple[int, int, int], classes: int
) -> None:
    module = build(architecture(name, shape, classes)).eval()
    assert module(torch.rand(1, *shape)).shape == (1, classes)


def test_a_network_that_is_checked_on_the_meta_device_is_left_in_training_mode() -> None:
    with torch.device("meta"):
        assert build(architecture("resnet18")).training


def test_options_reach_the_network() -> None:
    module = build(architecture("resnet18", drop_rate=0.25))
    assert module.drop_rate == 0.25


@pytest.mark.parametrize(
    "name",
    [
        "hf-hub:timm/resnet18.a1_in1k",
        "hf_hub:timm/resnet18",
        "local-dir:/tmp/model",
        "resnet18.a1_in1k",
        "../resnet18",
        "RESNET18",
        "",
    ],
)
def test_only_exact_names_of_the_registry_are_taken(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    with pytest.raises(NetworkError, match="timm has no network"):
        architecture(name)


@pytest.mark.parametrize(
    "option",
    ["pretrained", "pretrained_cfg", "checkpoint_path", "cache_dir", "width", "num_classes"],
)
def test_only_the_two_rates_are_options(option: str) -> None:
    with pytest.raises(NetworkError, match=f"no option '{option}'.*drop_path_rate, drop_rate"):
        architecture_for(NetworkSpec(name="timm:resnet18", options={option: "x"}), (3, 64, 64), 10)


def test_an_option_that_the_network_lacks_is_refused() -> None:
    with pytest.raises(NetworkError, match="drop_path_rate"):
        architecture("vgg11", drop_path_rate=0.1)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("sequencer2d_s", r"rnn_v\.weight_ih_l0"),
        ("efficientnet_cc_b0_4e", r"conv_pw\.weight"),
        ("dm_nfnet_f0", r"stem\.conv1\.weight"),
        ("resnetv2_50x1_bit", r"stem\.conv\.weight"),
    ],
)
def test_weights_that_no_mask_can_reach_are_refused_by_name(name: str, parameter: str) -> None:
    with pytest.raises(NetworkError, match=parameter):
        architecture(name)


def test_most_of_a_network_must_lie_in_conv_and_linear_modules() -> None:
    class OwnProduct(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.matrix = nn.Parameter(torch.zeros(size, size))
            self.head = nn.Linear(8, 8)

    _refuse_other_weights("small", OwnProduct(size=8))
    with pytest.raises(NetworkError, match=r"'large' has weights that no mask can reach.* matrix"):
        _refuse_other_weights("large", OwnProduct(size=9))


def test_a_network_that_gives_no_classes_is_refused() -> None:
    with pytest.raises(NetworkError, match="is no classifier"):
        architecture("qwen3_vit_88m_enc")


def test_images_that_a_network_cannot_take_are_refused_before_anything_is_allocated() -> None:
    with pytest.raises(NetworkError, match=r"cannot be built for images of shape \(3, 20, 20\)"):
        architecture("maxvit_tiny_rw_224", (3, 20, 20))


def test_a_billion_classes_cost_nothing_on_the_meta_device() -> None:
    one = architecture("resnet18", classes=10**9)
    assert outline(one).shapes["fc.weight"] == (10**9, 512)
    with pytest.raises(NetworkError, match="limit"):
        build(one)


def test_initial_weights_are_a_function_of_the_seed_also_where_the_module_draws_them() -> None:
    one = architecture("vit_tiny_patch16_224", (3, 32, 32))
    first, same, other = (initialize(one, NetworkSpec(name=one.name), s) for s in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["pos_embed"], other["pos_embed"])
    assert not first["blocks.0.attn.qkv.bias"].any()


@pytest.mark.slow
def test_a_vision_transformer_is_pruned_to_two_levels_without_a_layer_near_collapse(
    tmp_path: Path,
) -> None:
    """Small images, a few steps: every layer keeps its share, and nothing is said of any."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, size=(60, 3, 32, 32), dtype=np.uint8)
    told: list[str] = []
    found = find(
        network="timm:vit_tiny_patch16_224",
        data=(pixels, np.arange(60) % 3),
        changes={
            "training.iterations": 3,
            "training.batch_size": 8,
            "training.evaluate_every": 3,
            "pruning.scope": "global",
            "pruning.rates": dict.fromkeys(("conv", "fc", "output"), 0.2),
            "search.levels": 2,
            "search.trials": 1,
        },
        run_folder=tmp_path / "run",
        data_dir=tmp_path / "data",
        notify=told.append,
        workers=1,
    )
    assert [level.index for level in found.levels] == [0, 1, 2]
    assert told == []
    ticket = Ticket.load(found.bundle, level=2)
    assert ticket.density == pytest.approx(0.64, abs=1e-4)
    shares = {name: float(keep.double().mean()) for name, keep in ticket.mask.items()}
    assert min(shares.values()) > 0.3
