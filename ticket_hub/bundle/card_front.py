"""What hubs read of a card: the front matter of README.md, and `.eval_results`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ticket_hub.bundle.card_marks import card_tag
from ticket_hub.bundle.card_terms import CardTerms
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import EvidenceSummary
from ticket_hub.bundle.papers import papers_of
from ticket_hub.patterns import TIMM
from ticket_hub.recipe.spec import UNKNOWN

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

__all__ = ["front_matter", "results"]

LIBRARY = "ticket-hub"
HUB_DATASETS = {
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "emnist-letters": "tanganke/emnist_letters",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "mnist": "ylecun/mnist",
    "svhn": "ufldl-stanford/svhn",
    "usps": "flwrlabs/usps",
}
"""Benchmarks by the names that the public Hub has for them."""


def front_matter(manifest: Manifest, terms: CardTerms) -> str:
    """The YAML between two lines of `---`, as huggingface_hub writes it."""
    from huggingface_hub import ModelCardData  # slow

    evidence = _evidence(manifest)
    name, data = manifest.architecture.name, manifest.data.name
    known = (name,) if data == UNKNOWN else (name, data)
    tags = ["lottery-ticket", "pruning", "sparsity"]
    tags += [card_tag(text.removeprefix(TIMM)) for text in known]
    tags += ["timm"] * name.startswith(TIMM)
    card = ModelCardData(
        license=terms.license or None,
        library_name=LIBRARY,
        pipeline_tag=f"{manifest.inputs}-classification" if manifest.own is None else None,
        base_model=_base_model(manifest),
        tags=tags + [f"arxiv:{paper.arxiv}" for paper in papers_of(manifest)],
        datasets=_dataset(manifest.data.name) if manifest.own is None else None,
        metrics=["accuracy"] if manifest.metric.is_accuracy else None,
        model_name=None if evidence is None else manifest.recipe.name,
        eval_results=None if evidence is None else [_measured(manifest, evidence)],
    )
    return f"---\n{card.to_yaml()}\n---\n"


def _dataset(name: str) -> list[str] | None:
    """The data set as the Hub names it, where it has it."""
    found = name.removeprefix("hf:") if name.startswith("hf:") else HUB_DATASETS.get(name)
    return [found.partition(":")[0].partition("@")[0]] if found else None


def _base_model(manifest: Manifest) -> str | None:
    """The repository of the Hub whose weights the search began with."""
    network = manifest.recipe.network
    source = manifest.reference.source if manifest.reference else network and network.weights
    kind, _, rest = (source or "").partition(":")
    if kind == "timm":
        return f"timm/{rest}"
    repo, commit, _ = rest.partition("@")  # a folder has none
    return repo if kind in {"hub", "ticket"} and commit else None


def _evidence(manifest: Manifest) -> EvidenceSummary | None:
    """That of the default level, if it was trained and the Hub knows its data as a benchmark."""
    if manifest.own is not None or manifest.data.name not in HUB_DATASETS:
        return None
    level = manifest.level(manifest.default.level)
    evidence = None if level is None else level.evidence
    return evidence if evidence is not None and evidence.is_trained else None


def _measured(manifest: Manifest, evidence: EvidenceSummary) -> EvalResult:
    """The accuracy of the default level, for `model-index`."""
    from huggingface_hub import EvalResult

    label = f"test accuracy at the early stop after training, mean of {evidence.n}"
    return EvalResult(
        task_type=f"{manifest.inputs}-classification",
        dataset_type=HUB_DATASETS[manifest.data.name],
        dataset_name=manifest.data.name,
        metric_type="accuracy",
        metric_name=label,
        metric_value=evidence.test_accuracy.mean,
    )


def results(manifest: Manifest) -> bytes | None:
    """`.eval_results/ticket.yaml`, or None where the data set is no benchmark that the Hub knows.

    The accuracy of the default level, in the Hub's format for evaluation results
    (https://huggingface.co/docs/hub/eval-results).
    """
    evidence = _evidence(manifest)
    level = manifest.level(manifest.default.level)
    if evidence is None or level is None:
        return None
    notes = (
        f"after training the ticket of level {level.index} (density {level.density:.4g}); "
        f"mean of {evidence.n} at the early stop"
    )
    dataset = HUB_DATASETS[manifest.data.name]
    return (
        f"- dataset:\n    id: {json.dumps(dataset)}\n    task_id: default\n"
        f"  value: {evidence.test_accuracy.mean!r}\n  notes: {json.dumps(notes)}\n"
    ).encode()
