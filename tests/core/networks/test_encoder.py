"""The encoder of texts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ticket_hub import Ticket, find, verify_bundle
from ticket_hub.data import DataSet, load
from ticket_hub.data.texts import VOCABULARY, numbers_of
from ticket_hub.errors import NetworkError, RecipeError
from ticket_hub.networks import architecture_for, blank_module, build, outline
from ticket_hub.recipe import DataSpec, NetworkSpec, TrainingSpec, load_recipe
from ticket_hub.training.choice import choose
from ticket_hub.types import Architecture

TEXTS = ["what a film", "dull", "a film that is a film", ""]


def architecture(name: str = "encoder-2-64", length: int = 12) -> Architecture:
    return architecture_for(NetworkSpec(name=name), (VOCABULARY, 1, length), 3)


def test_matrices_are_pruned_and_embeddings_and_norms_are_not() -> None:
    layers = {layer.name: layer for layer in outline(architecture("encoder-2-128")).layers}
    assert len(layers) == 2 * 6 + 2
    assert sum(layer.size for layer in layers.values()) == 2 * 12 * 128**2 + 128**2 + 128 * 3
    assert {name for name, layer in layers.items() if layer.kind == "output"} == {"classes.weight"}
    assert not [name for name in layers if "norm" in name or "words" in name or "places" in name]


def test_what_stands_after_the_end_of_a_text_changes_nothing() -> None:
    module = build(architecture(), seed=1).eval()
    with torch.no_grad():
        logits = module(numbers_of(TEXTS, 12))
        assert torch.allclose(module(numbers_of(TEXTS[:3], 7)), logits[:3], atol=1e-6)
    assert logits.isfinite().all(), "a text without words is one of the classes, too"
    assert len({tuple(row) for row in logits.tolist()}) == 4


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(NetworkError, match="heads of 32"):
        architecture("encoder-2-100")
    with pytest.raises(NetworkError, match="reads texts"):
        architecture_for(NetworkSpec(name="encoder-2-64"), (3, 32, 32), 10)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts whose class is whether they praise or blame."""
    generator = torch.Generator().manual_seed(5)
    praise, blame = ["fine", "great", "lovely", "warm"], ["dull", "cold", "weak", "poor"]
    rest = ["film", "plot", "actor", "scene", "music", "light", "story", "end"]
    lines = []
    for number in range(240):
        chosen = torch.randint(8, (4,), generator=generator).tolist()
        word = (praise, blame)[number % 2][chosen[0] % 4]
        text = " ".join([*(rest[i] for i in chosen[1:]), word])
        lines.append(f"{('good', 'bad')[number % 2]}\t{text}\n")
    path = tmp_path_factory.mktemp("texts") / "all.tsv"
    path.write_text("".join(lines))
    return path


def loaded(path: Path) -> DataSet:
    return load(DataSpec(name=f"text:{path}", validation=30), fetch=None)


def test_networks_and_data_of_other_kinds_are_told_apart(sentences: Path) -> None:
    training = TrainingSpec(iterations=10, batch_size=8, optimizer="adam", lr=0.001)
    texts, digits = loaded(sentences), load(DataSpec(name="digits", validation=30), fetch=None)
    encoder = blank_module(architecture())
    lenet = blank_module(architecture_for(NetworkSpec(name="lenet-8"), (1, 8, 8), 10))
    with pytest.raises(NetworkError, match="cannot read digits"):
        choose(encoder, training, digits, 1.0)
    with pytest.raises(NetworkError, match="examples are tokens"):
        choose(lenet, training, texts, 1.0)


def test_a_ticket_is_found_among_sentences(sentences: Path, tmp_path: Path) -> None:
    recipe = load_recipe("digits-quick").replace(
        {
            "network.name": "encoder-1-32",
            "data.name": f"text:{sentences}",
            "data.validation": 30,
            "training.iterations": 120,
            "training.evaluate_every": 40,
            "training.lr": 0.003,
            "training.batch_size": 16,
            "search.levels": 1,
            "search.trials": 1,
            "data.size": 30,
        }
    )
    found = find(recipe, run_folder=tmp_path / "run", workers=1)
    assert found.levels[1].test_accuracy > 0.9
    assert verify_bundle(found.bundle).holds, "so that it can be shared"
    module = Ticket.load(found.bundle, level=1).build()
    assert module(numbers_of(["a lovely story"], 4)).shape == (1, 2)


def test_pixels_only_backends_refuse_numbers(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b,y\n" + "".join(f"{i},{-i},{i % 2}\n" for i in range(60)))
    table = load(DataSpec(name=f"arrays:{file}", validation=6), fetch=None)
    module = blank_module(architecture_for(NetworkSpec(name="lenet-8"), table.input_shape, 2))
    training = TrainingSpec(
        iterations=10, batch_size=8, optimizer="sgd", lr=0.1, backend="sparse-torch"
    )
    with pytest.raises(RecipeError, match="anything but pixels"):
        choose(module, training, table, 0.1)
