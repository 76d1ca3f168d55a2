"""Text classifiers of `transformers`: built from options, filled from a source, trained here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from ticket_hub import Ticket, find
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.bundle.packing import packed_size
from ticket_hub.bundle.read import Bundle
from ticket_hub.data import DataSet, keep, load
from ticket_hub.errors import DataCorruptError, DataNotFoundError, NetworkError
from ticket_hub.hub import weights as hub_weights
from ticket_hub.hub.folder import FolderHub
from ticket_hub.networks import architecture_for, build, outline, transformers_bridge
from ticket_hub.networks.transformers_families import FAMILIES
from ticket_hub.pruning import ladder
from ticket_hub.recipe import DataSpec, NetworkSpec, PruningSpec, Recipe, load_recipe
from ticket_hub.search.pretrained import StartWeights, pinned
from ticket_hub.vision import import_with_torchvision

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "fine", "dull", "film", "plot", "of", "the")
HEAD = {"classifier.weight", "classifier.bias"}
TEXTS = [f"a {('fine', 'dull')[i % 2]} film of the plot" for i in range(40)]
LABELS = [i % 2 for i in range(40)]
_BERT = {
    "vocab_size": 20,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 16,
    "hidden_dropout_prob": 0.0,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": _BERT,
    "roberta": _BERT,
    "electra": _BERT | {"embedding_size": 8},
    "distilbert": {
        "vocab_size": 20,
        "dim": 16,
        "n_layers": 1,
        "n_heads": 2,
        "hidden_dim": 24,
        "max_position_embeddings": 16,
    },
    "gpt2": {"vocab_size": 20, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16},
}


def stock(family: str, kind: str) -> Any:  # noqa: ANN401 - of a library without types
    """A module of the library itself, with weights that it draws."""
    models = import_with_torchvision(f"transformers.models.{family}.modeling_{family}")
    configs = import_with_torchvision(f"transformers.models.{family}.configuration_{family}")
    classes = FAMILIES[family].classes
    extra = {"pad_token_id": 19} if family == "gpt2" else {}
    torch.manual_seed(4)
    config = getattr(configs, f"{classes}Config")(num_labels=3, **CONFIGS[family], **extra)
    return getattr(models, f"{classes}{kind}")(config).eval()


def tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.save(str(path))


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TICKET_DATA", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stock transformers saves of a bare BERT, with a tokenizer."""
    folder = tmp_path_factory.mktemp("bert")
    stock("bert", "Model").save_pretrained(folder)
    tokenizer(folder / "tokenizer.json")
    return folder


def given(source: str | Path, **changes: object) -> Recipe:
    """The recipe of a search with a source on some texts."""
    asked = {"network.name": f"transformers:{source}", "data.name": keep((TEXTS, LABELS))}
    usual: dict[str, object] = {"data.validation": 4, "pruning.rates": {"fc": 0.1, "output": 0}}
    return pinned(load_recipe("digits-quick").replace({**usual, **asked, **changes}))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_classifier_computes_what_the_library_s_own_does(family: str) -> None:
    theirs = stock(family, "ForSequenceClassification")
    spec = NetworkSpec(name=f"transformers:{family}", options=CONFIGS[family])
    ours = build(architecture_for(spec, (21, 1, 9), 3)).eval()
    shapes = {name: tuple(value.shape) for name, value in ours.state_dict().items()}
    state = theirs.state_dict()
    ours.load_state_dict(transformers_bridge.source_names(FAMILIES[family], state, shapes))
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(2, 19, (5, 9), generator=generator)
    lengths = torch.tensor([9, 7, 4, 2, 1])
    is_word = torch.arange(9) < lengths[:, None]
    pad = theirs.config.pad_token_id
    with torch.no_grad():
        expected = theirs(
            input_ids=torch.where(is_word, ids, pad), attention_mask=is_word.long()
        ).logits
        numbers = torch.where(is_word, ids + 1, 0)[:, None, None, :]
        assert torch.allclose(ours(numbers), expected, atol=1e-6)
        assert torch.allclose(ours(numbers[1:, ..., :7]), expected[1:], atol=1e-6)
        assert ours(torch.zeros_like(numbers)).isfinite().all(), "an empty text has a class, too"
    found = outline(architecture_for(spec, (21, 1, 9), 3)).layers
    layers = {layer.name: layer.kind for layer in found}
    heads = [name for name, kind in layers.items() if kind == "output"]
    assert heads == [f"{FAMILIES[family].output}.weight"]
    assert not [name for name in layers if "embed" in name.lower() and "project" not in name]


def test_bert_base_has_the_weights_and_the_ladder_of_the_paper() -> None:
    architecture = architecture_for(NetworkSpec(name="transformers:bert"), (30523, 1, 128), 2)
    layers = outline(architecture).layers
    pruned = [layer for layer in layers if layer.kind == "fc"]
    assert (len(pruned), sum(layer.size for layer in pruned)) == (73, 85_524_480)
    assert [layer.shape for layer in layers if layer.kind == "output"] == [(2, 768)]
    rules = PruningSpec(
        scope="global", schedule="linear", rates={"fc": 0.1, "output": 0.0, "conv": 0.1}
    )
    counts = ladder(rules, layers, 9)
    head = 2 * 768
    assert [count - head for count in counts] == [85_524_480 * (10 - k) // 10 for k in range(10)]
    assert sum(-(-layer.size // 8) for layer in pruned) == 10_690_560, "bytes of a mask"


def test_a_source_becomes_options_weights_and_a_tokenizer(source: Path) -> None:
    recipe = given(source)
    assert recipe.network.name == "transformers:bert"
    assert dict(recipe.network.options) == _BERT
    assert recipe.network.weights == f"file:{source}/model.safetensors"
    assert recipe.data.tokenizer == f"file:{source}/tokenizer.json"
    assert len(recipe.network.weights_sha256) == len(recipe.data.tokenizer_sha256) == 64
    data = load(recipe.data)
    assert data.input_shape == (len(WORDS) + 1, 1, 8)
    assert data.train.inputs[0].flatten().tolist() in (
        [3, 5, 6, 8, 10, 11, 9, 4],
        [3, 5, 7, 8, 10, 11, 9, 4],
    ), "each token's number and 1, between [CLS] and [SEP]"
    architecture = architecture_for(recipe.network, data.input_shape, 2)
    start = StartWeights(recipe.network)
    one, two = start.weights(architecture, 1), start.weights(architecture, 2)
    theirs = stock("bert", "Model").state_dict()
    for name, value in theirs.items():
        assert torch.equal(one[f"bert.{name}"], value)
    assert set(one) - {f"bert.{name}" for name in theirs} == HEAD
    assert not torch.equal(one["classifier.weight"], two["classifier.weight"])


def test_names_of_early_checkpoints_and_of_other_heads_are_known() -> None:
    family = FAMILIES["bert"]
    spec = NetworkSpec(name="transformers:bert", options=_BERT)
    shapes = outline(architecture_for(spec, (21, 1, 9), 3)).shapes
    early: dict[str, Tensor] = {}
    for name, value in stock("bert", "Model").state_dict().items():
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        early["bert." + old.replace("LayerNorm.bias", "LayerNorm.beta")] = value
    early["cls.predictions.bias"] = torch.zeros(20)
    named = transformers_bridge.source_names(family, early, shapes)
    assert {name for name in shapes if name not in named} == HEAD


def test_a_repository_of_a_hub_is_pinned_to_its_commit(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = FolderHub(tmp_path / "hub")
    files = [path for path in source.iterdir() if path.suffix in {".json", ".safetensors"}]
    pushed = [(path.name, path) for path in files]
    commit = hub.push("ann/tiny-bert", pushed, message="as it is", parent=None).commit
    monkeypatch.setattr(hub_weights, "connect", lambda _: hub)
    recipe = given("ann/tiny-bert")
    assert recipe.network.weights == f"hub:ann/tiny-bert@{commit}"
    assert recipe.data.tokenizer == f"hub:ann/tiny-bert@{commit}:tokenizer.json"
    shutil.rmtree(tmp_path / "hub")
    assert pinned(recipe) == recipe, "all of it is here"
    assert load(recipe.data).vocabulary == len(WORDS) + 1


def test_tokens_are_made_once(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tokenizers

    recipe = given(source)
    first = load(recipe.data)

    def refuse(_path: str) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(tokenizers.Tokenizer, "from_file", refuse)
    again: DataSet = load(recipe.data)
    assert again.fingerprint == first.fingerprint


def test_a_search_from_pretrained_weights_to_a_ticket_that_loads_without_its_source(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = shutil.copytree(source, tmp_path / "source")
    found = find(
        network=f"transformers:{elsewhere}",
        data=(TEXTS, LABELS),
        changes={
            "search.levels": 1,
            "search.trials": 1,
            "training.iterations": 4,
            "training.batch_size": 4,
            "training.evaluate_every": 2,
        },
    )
    assert found.recipe.pruning.schedule == "linear"
    assert dict(found.recipe.pruning.rates) == {"fc": 0.1, "output": 0.0}
    shutil.rmtree(elsewhere)
    ticket = Ticket.load(found.bundle, level=1)
    module = ticket.build()
    logits: Tensor = module(torch.tensor([[[[3, 5, 6, 8, 4, 0, 0, 0]]]]))
    assert logits.shape == (1, 2)
    assert ticket.mask["classifier.weight"].all()
    count = sum(int(keep.sum()) for name, keep in ticket.mask.items() if name not in HEAD)
    total = sum(layer.size for layer in outline(ticket.architecture).layers if layer.kind == "fc")
    assert count == round(0.9 * total)

    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    transformers_bridge._classes.cache_clear()
    outline.cache_clear()
    monkeypatch.setattr(transformers_bridge, "import_with_torchvision", missing)
    with pytest.raises(NetworkError, match="needs the library `transformers`") as refused:
        Ticket.load(found.bundle, level=1)
    assert "'transformers>=" in refused.value.remedy
    assert isinstance(open_bundle(found.bundle), Bundle)
    monkeypatch.undo()
    transformers_bridge._classes.cache_clear()


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_ladder_by_reference_is_masks_and_a_head(family: str, tmp_path: Path) -> None:
    stock(family, "Model").save_pretrained(tmp_path / family)
    tokenizer(tmp_path / family / "tokenizer.json")
    changes = {"search.levels": 2, "search.trials": 1, "training.iterations": 2}
    steps = {"training.batch_size": 4, "training.evaluate_every": 2}
    found = find(
        network=f"transformers:{tmp_path / family}",
        data=(TEXTS, LABELS),
        changes=changes | steps,
        theta0="reference",
        workers=1,
    )
    bundle = open_bundle(found.bundle)
    assert verify_bundle(found.bundle).unchecked == ()
    stored = set(load_file(found.bundle / "theta0/0.safetensors"))
    layers = {layer.name: layer for layer in bundle.network.layers}
    head = {name for name in bundle.network.tensors if name.startswith(("classifier", "score"))}
    # Its matrices are transposed here, so that their bits are not those of the file.
    transposed = {name for name in layers if family == "gpt2" and name not in head}
    assert stored == head | transposed
    packed = sum(packed_size(layer.shape) for layer in layers.values())
    for level in bundle.levels:
        size = bundle.manifest.files[f"masks/0/{level.index}.safetensors"].size
        assert packed <= size <= packed + 8 + 160 * len(layers)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "llama"}, "of the architecture 'llama'"),
        ({"model_type": "bert", "auto_map": {"AutoModel": "x.Y"}}, "has auto_map"),
        ({"model_type": "bert", "position_embedding_type": "relative_key"}, "position_embedding"),
        ({"model_type": "bert", "quantization_config": {"bits": 4}}, "quantization_config"),
        ({"model_type": "gpt2", "reorder_and_upcast_attn": True}, "reorder_and_upcast_attn"),
        ([], "of the architecture 'nothing'"),
    ],
)
def test_configs_of_anything_else_are_refused(config: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(NetworkError, match=message):
        given(tmp_path)


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"num_hidden_layers": 10**9}, (21, 1, 9), "'num_hidden_layers' of 'transformers:bert'"),
        ({"num_hidden_layers": 1000}, (21, 1, 9), "cannot have 1000 layers"),
        ({"num_attention_heads": 5}, (21, 1, 9), "in 5 heads"),
        ({"hidden_act": "exec"}, (21, 1, 9), "cannot be 'exec'"),
        ({"trust_remote_code": True}, (21, 1, 9), "has no option"),
        ({}, (21, 1, 17), "has positions for 16 tokens, and the texts have 17"),
        ({}, (16384, 1, 9), "knows 20 words, and the texts have 16,383"),
        ({}, (3, 32, 32), "reads texts"),
    ],
)
def test_sizes_that_cannot_be_are_refused(
    options: dict[str, Any], shape: tuple[int, int, int], message: str
) -> None:
    spec = NetworkSpec(name="transformers:bert", options=_BERT | options)
    with pytest.raises(NetworkError, match=message):
        architecture_for(spec, shape, 2)


def test_sources_and_tokenizers_that_are_not_there_are_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no folder 'nowhere'"):
        given("nowhere")
    with pytest.raises(DataNotFoundError, match=r"config\.json"):
        given(tmp_path)
    copied = shutil.copytree(source, tmp_path / "copied")
    recipe = given(copied)
    (copied / "tokenizer.json").write_text("{}")
    with pytest.raises(DataCorruptError, match="is not the tokenizer of the recipe"):
        load(recipe.data)
    with pytest.raises(DataCorruptError, match="is no tokenizer"):
        load(DataSpec(name=recipe.data.name, validation=4, tokenizer=recipe.data.tokenizer))
    (copied / "tokenizer.json").unlink()
    with pytest.raises(DataNotFoundError, match="is not here") as refused:
        load(recipe.data)
    assert recipe.data.tokenizer_sha256 in refused.value.remedy
    with pytest.raises(DataNotFoundError, match=r"tokenizer\.json"):
        given(copied)
