from __future__ import annotations

import json
import random
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticket_hub.errors import RecipeError
from ticket_hub.recipe import Recipe, load_recipe, recipe_names
from ticket_hub.recipe.axes import GRANULARITIES
from ticket_hub.recipe.tables import key_paths

# The digest names a run's folder: a recipe whose digest changes can no longer resume its runs.
DIGESTS = {
    "conv2-cifar10": "e50e58044cc1dddb70cf5018cb7d6c1417ab1cd12420aedbc1388b7219dba9b6",
    "conv2-cifar10-dropout": "4b72b2384af1d69aad7d419dc8fa6506671e81452befa0aeffb30461830df769",
    "conv4-cifar10": "d5cc0514d90e5299ecbbb6680e1f99d3fb33bfb99b403c6cd7b1d20f86bb84ab",
    "conv4-cifar10-dropout": "b5b2048add6edeab84fbd98362ca460e5e742f51fbbcf436e5bd45f664a7cf8a",
    "conv6-cifar10": "e58e300204006af2ee97041d373bbe032e05dff2030cb19ea922a485d62e1c61",
    "conv6-cifar10-dropout": "3245d9297759e99ea48c1912f1362dc0234663982a7695900be5ed557ab7662d",
    "densenet40-units-cifar10": (
        "e124cfa7025c6a45b0471f8b6ebd8f5f826aab23d6cb7ea8c29842499d56fb7f"
    ),
    "digits-quick": "185c598f84ed405a00a08b6eb240a7f72a19d92f559dbb6c52e995e0058bc1c3",
    "lenet-mnist": "dc11056e4cae0e216514c36870704430d07ce5842931275520290983a5431325",
    "lenet-mnist-noreset": "8a52d7998d3dc405db70aa3a2b80fb6d0f5cebc04e5581e8ab92995819f55fde",
    "lenet-mnist-oneshot": "29dd43e2a912991871c5a6a842b6a36c37c7d08c8e16c4b87bc4f64d6ad496dd",
    "mobilenetv1-units-cifar10": (
        "bd0a0198121e79ec566adff8efa62b86ce294c57692b88c25b0c89d6d5b91027"
    ),
    "resnet18-cifar10": "af950efd133cb97f6d4e3ba6cc12dfa19a8696e5c7a82bdafeaa8c513d0a348a",
    "resnet18-cifar10-low-lr": "6363f8c863fd8c1a614745be62c2f6b1226c6eaa9a4f7bf733e1b51369d1624a",
    "resnet18-cifar10-warmup": "00e8d1a672214fae74610e48295b283489ad4a169513c710076abf83a0f8ce0a",
    "resnet20-finetune-cifar10": "445b60ef9b63350a6eaa222ee951030313466e00cd32a1603a1d7dd3748bee65",
    "resnet20-lr-rewind-cifar10": (
        "1b5c02da6e46260148f39ff00bf6f8393d59a1999fef976aedb0b47ead8c6894"
    ),
    "resnet20-rewind-cifar10": "c6ffec61581bda6f395b9ed0f7be88388cc13c5dc04c61f9d39c39f9152992e0",
    "resnet20-units-finetune-cifar10": (
        "09f9c8419d283a936941854992347c77e3a230804860963e8d8052da632e3cbb"
    ),
    "resnet50-lr-rewind-imagenet": (
        "c272e7d7df3af2494706b5e8784b2ebc4ea3e1f0514e3766f72a4815710f3d87"
    ),
    "resnet50-rewind-imagenet": "14bc88e5958691beb65bf974221f00eeec302f91d634f379c65f51104baafe08",
    "resnet50-rewind-imagenet-16": (
        "8579f1fd893e239d48f6fa0b66ce94c7ba5d42fdd2b2c117393e49042705ca00"
    ),
    "simplenet-units-cifar10": "104efcefe1670b9ec0feb14d039bd1e6dacab8a93c9003774a7a37ca99517e42",
    "small-resnet-18-tiny-imagenet": (
        "cc9ab87887a161e6e82a180b9538419f12c2ef322130354c755b8e0d48988ad8"
    ),
    "vgg14-units-cifar10": "c63dcfc759b5549c1b88e05d004e8268d178424cc1edaa8232311afffe32e5d3",
    "vgg19-cifar10": "ff20929ce4145814e92c8e525708ca81b25253f82639b8068762bda5bc46ea95",
    "vgg19-cifar10-low-lr": "97184c9c108e55992f84b639b969a3912437633451ed34a4d0157b17f12622d1",
    "vgg19-cifar10-warmup": "b63b9b4f25bdaf98e0ac650d66ff0b6f3aa13880751fe0ec326d0dd822b9b5a2",
}

QUICK = load_recipe("digits-quick")


def test_every_packaged_recipe_has_a_golden_digest() -> None:
    assert {name: load_recipe(name).digest for name in recipe_names()} == DIGESTS


@pytest.mark.parametrize("name", recipe_names())
def test_every_packaged_recipe_survives_toml_json_and_plain_values(
    name: str, tmp_path: Path
) -> None:
    recipe = load_recipe(name)
    printed = tmp_path / f"{name}.toml"
    printed.write_text(recipe.to_toml(), "utf-8")
    assert load_recipe(str(printed)) == load_recipe(printed) == load_recipe(recipe) == recipe
    assert Recipe.from_table(json.loads(json.dumps(recipe.to_table()))) == recipe
    assert Recipe.from_table(recipe.to_table()).digest == recipe.digest


@pytest.mark.parametrize("name", recipe_names())
def test_every_packaged_recipe_says_what_it_is_and_where_from(name: str) -> None:
    about = load_recipe(name).about
    assert name == "digits-quick" or "20" in about
    assert len(about) <= 130


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
rates = st.floats(0.01, 0.99)
options = st.dictionaries(
    texts, st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | texts | st.floats(-9, 9)
)


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    iterations = draw(st.integers(1, 10**9))
    return {
        "name": draw(names),
        "about": draw(texts),
        "network.name": draw(texts),
        "network.options": draw(options),
        "network.init_scale": draw(st.floats(1e-6, 1e6)),
        "data.flip": draw(st.booleans()),
        "data.size": draw(st.integers(0, 1024)),
        "training.iterations": iterations,
        "training.evaluate_every": draw(st.integers(1, iterations)),
        "training.lr": draw(st.floats(1e-12, 1e3) | st.integers(1, 9)),
        "training.milestones": sorted(draw(st.sets(st.integers(1, 10**9), max_size=4))),
        "pruning.rates": draw(st.dictionaries(st.sampled_from(["conv", "fc"]), rates, min_size=1)),
        "search.rewind": draw(
            st.sampled_from(["init", "lr", "none", f"{iterations - 1}it", f"lr:{iterations - 1}it"])
        ),
        "search.stop_density": draw(st.none() | st.floats(0.001, 0.999)),
        "search.seed": draw(st.integers(0, 2**62 - 1)),
    }


@settings(max_examples=60)
@given(changes())
def test_any_recipe_survives_toml_json_and_plain_values(changed: dict[str, Any]) -> None:
    recipe = QUICK.replace(changed)
    for table in (
        tomllib.loads(recipe.to_toml()),
        json.loads(json.dumps(recipe.to_table())),
        recipe.to_table(),
    ):
        again = Recipe.from_table(table)
        assert again == recipe
        assert again.digest == recipe.digest


def shuffled(table: Any, order: random.Random) -> Any:  # noqa: ANN401 - any plain value
    if not isinstance(table, dict):
        return table
    keys = list(table)
    order.shuffle(keys)
    return {key: shuffled(table[key], order) for key in keys}


@settings(max_examples=30)
@given(changes(), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_the_keys(
    changed: dict[str, Any], order: random.Random
) -> None:
    recipe = QUICK.replace(changed)
    assert Recipe.from_table(shuffled(recipe.to_table(), order)).digest == recipe.digest


def test_the_digest_is_the_same_in_another_process() -> None:
    script = (
        "from ticket_hub.recipe import load_recipe, recipe_names\n"
        "print(*(f'{name} {load_recipe(name).digest}' for name in recipe_names()), sep='\\n')"
    )
    for seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert dict(line.split() for line in ran.stdout.splitlines()) == DIGESTS


def test_another_network_brings_its_own_initialization_along() -> None:
    vit = QUICK.replace({"network.name": "timm:vit_tiny_patch16_224"})
    assert vit.network.init == "default"
    assert 'init = "default"' in vit.to_toml()
    assert vit.replace({"network.name": QUICK.network.name}) == QUICK
    chosen = QUICK.replace({"network.name": "timm:resnet18", "network.init": "glorot-normal"})
    assert chosen.network.init == "glorot-normal"
    assert chosen.digest != QUICK.replace({"network.name": "timm:resnet18"}).digest
    kept = QUICK.replace({"network.init": "orthogonal"}).replace({"network.name": "conv-2"})
    assert kept.network.init == "orthogonal"


def test_the_digest_is_the_same_whether_or_not_a_rate_of_0_is_said() -> None:
    silent = QUICK.replace({"pruning.rates": {"fc": 0.2}})
    said = QUICK.replace({"pruning.rates": {"fc": 0.2, "output": 0.0}})
    assert said.digest == silent.digest
    assert dict(Recipe.from_table(said.to_table()).pruning.rates) == {"fc": 0.2, "output": 0.0}


def test_a_stem_is_part_of_conv_unless_its_rate_is_another() -> None:
    silent = QUICK.replace({"pruning.rates": {"fc": 0.2, "conv": 0.2}})
    same = QUICK.replace({"pruning.rates": {"fc": 0.2, "conv": 0.2, "stem": 0.2}})
    apart = QUICK.replace({"pruning.rates": {"fc": 0.2, "conv": 0.2, "stem": 0}})
    assert silent.digest == same.digest
    assert silent.digest != apart.digest
    alone = QUICK.replace({"pruning.rates": {"fc": 0.2, "stem": 0}})
    assert alone.digest == QUICK.replace({"pruning.rates": {"fc": 0.2}}).digest
    assert (silent.pruning.rate("stem"), apart.pruning.rate("stem")) == (0.2, 0.0)


def test_rates_that_are_not_given_reach_every_kind() -> None:
    table = QUICK.to_table()
    del table["pruning"]["rates"]
    kinds = {"conv", "fc", "output", "shortcut"}
    rates = Recipe.from_table(table).pruning.rates
    assert rates == dict.fromkeys(kinds, 0.2) | {"output": 0.1}
    table["pruning"]["scope"] = "global"
    assert Recipe.from_table(table).pruning.rates == dict.fromkeys(kinds, 0.2)


def test_the_digest_ignores_what_is_written_for_people() -> None:
    assert QUICK.replace({"about": "other words", "name": "other"}).digest == QUICK.digest


CHANGED = {
    "network": {
        "name": "lenet-9",
        "init": "orthogonal",
        "init_scale": 2.0,
        "options": {"a": 1},
        "weights": "file:w.safetensors",
        "weights_sha256": "ab" * 32,
        "weights_of": "trained",
        "weights_head": "source",
        "init_std": 0.1,
    },
    "data": {
        "name": "mnist",
        "normalize": "standard",
        "size": 16,
        "flip": True,
        "crop": 1,
        "validation": 301,
        "split_seed": 1,
        "tokenizer": "file:tokenizer.json",
        "tokenizer_sha256": "cd" * 32,
        "mean": [0.5],
        "std": [0.5],
        "crop_scale": [0.5, 1.0],
        "crop_ratio": [0.5, 2.0],
        "jitter": {"contrast": 0.5},
        "storage": "disk",
        "short_side": 20,
    },
    "training": {
        "iterations": 1001,
        "batch_size": 61,
        "optimizer": "adamw",
        "lr": 0.5,
        "momentum": 0.5,
        "nesterov": True,
        "beta1": 0.8,
        "beta2": 0.9,
        "eps": 1e-7,
        "weight_decay": 1e-4,
        "schedule": "cosine",
        "milestones": [500],
        "gamma": 0.5,
        "warmup": 1,
        "evaluate_every": 21,
        "patience": 1,
        "test": "chosen",
        "precision": "bf16",
        "backend": "plain",
        "train_sample": 100,
        "label_smoothing": 0.1,
        "mixup": 0.2,
    },
    "pruning": {
        "criterion": "random",
        "when": "init",
        "begin": 3,
        "end": 90,
        "every": 7,
        "settled_masks": 4,
        "settled_distance": 0.05,
        "distribution": "erk",
        "examples_per_class": 5,
        "examples": "random-labels",
        "norm": "l2",
        "granularity": "tests-rows",
        "scope": "global",
        "schedule": "linear",
        "rates": {"fc": 0.3},
        "layer_rates": {"hidden.0.weight": 0.3},
        "mode": "one-shot",
        "target_density": 0.5,
        "densities": [0.2, 0.1],
        "allow_empty_layers": True,
    },
    "search": {
        "levels": 3,
        "trials": 4,
        "seed": 1,
        "rewind": "5it",
        "stop_density": 0.5,
        "stop_below_dense": 0.1,
        "dense": False,
    },
}
GRANULARITIES.register("tests-rows")(object())  # there is one name only that is built in
NORMALIZED = {"data.normalize": "source", "data.mean": [0.1], "data.std": [0.2]}
GRADUAL = {"pruning.mode": "one-shot", "pruning.when": "gradual"}
EARLY_BIRD = {"pruning.mode": "one-shot", "pruning.when": "early-bird"}
NEEDS: dict[str, dict[str, Any]] = {
    "network.init_std": {"network.init": "normal", "network.init_std": 0.2},
    "network.weights_sha256": {"network.weights": "file:w.safetensors"},
    "data.tokenizer_sha256": {"data.tokenizer": "file:tokenizer.json"},
    "network.weights_of": {"network.weights": "ticket:ann/lenet"},
    "data.mean": NORMALIZED,
    "data.std": NORMALIZED,
    "data.short_side": {"data.storage": "disk", "data.size": 16},
    "training.nesterov": {"training.optimizer": "sgd", "training.momentum": 0.9},
    "pruning.scope": {"pruning.rates": {"fc": 0.2}},
    "pruning.target_density": {"pruning.mode": "one-shot"},
    "pruning.densities": {"pruning.mode": "one-shot"},
    "pruning.when": {"pruning.mode": "one-shot"},
    "pruning.distribution": {"pruning.mode": "one-shot"},
    "pruning.begin": GRADUAL,
    "pruning.end": GRADUAL,
    "pruning.every": GRADUAL,
    "pruning.settled_masks": EARLY_BIRD,
    "pruning.settled_distance": EARLY_BIRD,
    "search.dense": {"pruning.mode": "one-shot", "pruning.when": "init"},
}
LEAVES = [f"{part}.{key}" for part, values in CHANGED.items() for key in values]


def test_the_table_of_changes_knows_every_key() -> None:
    parts = {"name", "about", *CHANGED}
    assert set(LEAVES) == set(key_paths(Recipe)) - parts


@pytest.mark.parametrize("path", LEAVES)
def test_the_digest_changes_with_every_key(path: str) -> None:
    part, key = path.split(".")
    before = QUICK.replace(NEEDS.get(path, {}))
    assert before.replace({path: CHANGED[part][key]}).digest != before.digest


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("training.iteratons", "training.iterations"),
        ("iterations", "training.iterations"),
        ("trials", "search.trials"),
        ("serch.levels", "search.levels"),
        ("data.validatoin", "data.validation"),
        ("training.lr.value", "training.lr"),
    ],
)
def test_an_unknown_key_is_refused_and_the_nearest_named(path: str, nearest: str) -> None:
    with pytest.raises(RecipeError, match=f"nearest valid key is '{nearest}'"):
        QUICK.replace({path: 5})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "../elsewhere"),
        ("name", ""),
        ("name", "a/b"),
        ("network.name", 5),
        ("network.name", "\ud800"),
        ("network.init", "zero"),
        ("network.init_scale", 0),
        ("network.options", {"dropout": None}),
        ("network.options", {"dropout": [1]}),
        ("data.name", ""),
        ("data.size", -1),
        ("data.crop", 65),
        ("data.flip", 1),
        ("data.validation", 0),
        ("data.split_seed", -1),
        ("training", 5),
        ("training.iterations", 0),
        ("training.iterations", 1.5),
        ("training.iterations", True),
        ("training.iterations", 2**63),
        ("training.batch_size", "60"),
        ("training.optimizer", "adem"),
        ("training.optimizer", ["adam"]),
        ("training.lr", 0),
        ("training.lr", float("nan")),
        ("training.lr", float("inf")),
        ("training.momentum", 1),
        ("training.nesterov", True),
        ("training.weight_decay", -1e-4),
        ("training.schedule", "milestones"),
        ("training.milestones", [300, 200]),
        ("training.milestones", [0]),
        ("training.milestones", 200),
        ("training.gamma", 0),
        ("training.evaluate_every", 1001),
        ("training.evaluate_every", 0),
        ("pruning.rates", {}),
        ("pruning.rates", {"fc": 0}),
        ("pruning.rates", {"fc": 1}),
        ("pruning.rates", {"fc": -0.1}),
        ("pruning.rates", {"bias": 0.2}),
        ("pruning.rates", [0.2]),
        ("pruning.scope", "global"),
        ("pruning.target_density", 0.5),
        ("pruning.densities", [0.1, 0.2]),
        ("search.levels", -1),
        ("search.levels", 1001),
        ("search.trials", 0),
        ("search.seed", -1),
        ("search.rewind", "500"),
        ("search.rewind", "500 it"),
        ("search.rewind", "\u0665it"),
        ("search.rewind", "1000it"),
        ("search.stop_density", 0),
        ("search.stop_density", 1),
        ("search.stop_below_dense", 0),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_key(path: str, value: object) -> None:
    with pytest.raises(RecipeError) as caught:
        QUICK.replace({path: value})
    assert path in str(caught.value) or path == "name"
    assert caught.value.remedy


def test_the_nearest_valid_value_is_named() -> None:
    with pytest.raises(RecipeError, match="the nearest is 'adam'"):
        QUICK.replace({"training.optimizer": "adm"})


def test_a_missing_key_is_named() -> None:
    table = QUICK.to_table()
    del table["training"]["lr"]
    with pytest.raises(RecipeError, match=r"training\.lr"):
        Recipe.from_table(table)


def test_a_huge_value_makes_no_huge_message() -> None:
    with pytest.raises(RecipeError) as caught:
        QUICK.replace({"training.lr": "x" * 10**6})
    assert len(str(caught.value)) < 1000


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=200)
@given(st.sampled_from(key_paths(Recipe)), plain)
def test_any_value_is_taken_or_refused_but_never_crashes(path: str, value: object) -> None:
    try:
        recipe = QUICK.replace({path: value})
    except RecipeError:
        return
    assert Recipe.from_table(tomllib.loads(recipe.to_toml())).digest == recipe.digest


def test_an_unknown_recipe_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(RecipeError, match="The nearest is 'lenet-mnist'"):
        load_recipe("lenet-minst")


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"a = " + b"[" * 5000])
def test_a_file_that_is_no_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"mine\.toml"):
        load_recipe(str(path))


def test_a_missing_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml cannot be read"):
        load_recipe(str(tmp_path / "none.toml"))


def test_a_file_without_a_name_is_called_as_the_file(tmp_path: Path) -> None:
    table = QUICK.to_table()
    del table["name"]
    path = tmp_path / "my own (2).toml"
    path.write_text(QUICK.to_toml().replace('name = "digits-quick"\n', "", 1), "utf-8")
    assert load_recipe(str(path)).name == "my-own-2"
    assert load_recipe(str(path)).digest == QUICK.digest


def test_a_sweep_has_a_recipe_of_every_combination() -> None:
    found = QUICK.sweep({"training.lr": [0.1, 0.2], "search.rewind": ["init", "5it"]})
    assert list(found) == [
        "training.lr=0.1, search.rewind=init",
        "training.lr=0.1, search.rewind=5it",
        "training.lr=0.2, search.rewind=init",
        "training.lr=0.2, search.rewind=5it",
    ]
    assert found["training.lr=0.2, search.rewind=5it"] == QUICK.replace(
        {"training.lr": 0.2, "search.rewind": "5it"}
    )
    impossible: list[dict[str, list[float]]]
    impossible = [{}, {"training.lr": []}, {"training.lr": [0.1, 0.1]}]
    for wanted in impossible:
        with pytest.raises(RecipeError):
            QUICK.sweep(wanted)


def test_a_recipe_extends_another_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'extends = "lenet-mnist"\n[training]\nlr = 0.01\n[network]\nname = "conv-2"\n'
    )
    (tmp_path / "mine.toml").write_text(
        'extends = "base.toml"\nabout = "mine"\n[search]\nlevels = 3\n'
    )
    mine, packaged = load_recipe(str(tmp_path / "mine.toml")), load_recipe("lenet-mnist")
    assert (mine.name, mine.about) == ("mine", "mine")
    changes = {"training.lr": 0.01, "network.name": "conv-2", "search.levels": 3}
    expected = packaged.replace({"name": "mine", "about": "mine", **changes})
    assert mine == expected
    assert packaged.about != mine.about


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('extends = "mine.toml"', "extends itself"),
        ('extends = "lenet-mnits"', "no recipe 'lenet-mnits'"),
        ("extends = 3", "extends cannot be 3"),
        ('extends = "gone.toml"', "cannot be read"),
    ],
)
def test_a_recipe_that_extends_nothing_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(RecipeError, match=problem):
        load_recipe(str(tmp_path / "mine.toml"))
