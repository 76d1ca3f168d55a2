"""The card of a bundle: README.md with the front matter that hubs read, and `.eval_results`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ticket_hub.bundle import layout
from ticket_hub.bundle.card_experiments import experiments_section, one_line
from ticket_hub.bundle.card_marks import card_tag
from ticket_hub.bundle.card_origin import origin_section
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import EvidenceSummary, LevelRecord, Manifest
from ticket_hub.bundle.unknown import BUNDLE
from ticket_hub.evidence import count_text
from ticket_hub.evidence.verdict import ALPHA
from ticket_hub.recipe.own import Metric
from ticket_hub.recipe.spec import UNKNOWN
from ticket_hub.table import Column, Table

__all__ = ["plain_card", "results"]


HUB_DATASETS = {
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "emnist-letters": "tanganke/emnist_letters",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "mnist": "ylecun/mnist",
    "svhn": "ufldl-stanford/svhn",
    "usps": "flwrlabs/usps",
}
"""Data sets by the names that the public Hub has for them."""

_DENSE_SNIPPET = """\
import numpy as np
from safetensors.numpy import load_file

theta0 = load_file("theta0/{trial}.safetensors")
mask = load_file("masks/{trial}/{level}.safetensors")

weights = dict(theta0)
for name, packed in mask.items():
    bits = np.unpackbits(packed, count=theta0[name].size, bitorder="little")
    weights[name] = theta0[name] * bits.reshape(theta0[name].shape)
"""

_SURVIVORS_SNIPPET = """\
import json

import numpy as np
from safetensors.numpy import load_file

theta0 = load_file("theta0/{trial}.safetensors")  # only what level {densest} keeps
densest = load_file("masks/{trial}/{densest}.safetensors")
mask = load_file("masks/{trial}/{level}.safetensors")
with open("ticket.json") as manifest:
    shapes = {{layer["name"]: layer["shape"] for layer in json.load(manifest)["layers"]}}

weights = dict(theta0)
for name, packed in mask.items():
    size = int(np.prod(shapes[name]))
    whole = np.zeros(size, theta0[name].dtype)
    whole[np.unpackbits(densest[name], count=size, bitorder="little") == 1] = theta0[name]
    bits = np.unpackbits(packed, count=size, bitorder="little")
    weights[name] = (whole * bits).reshape(shapes[name])
"""

_REFERENCE_SNIPPET = """\
import json

import numpy as np
from safetensors.numpy import load_file

with open("ticket.json") as manifest:
    names = json.load(manifest)["reference"]["names"]
source = load_file("source.safetensors")  # {source},
# whose sha256 is {sha256}
mask = load_file("masks/{trial}/{level}.safetensors")

weights = load_file("theta0/{trial}.safetensors")  # what is not of the source
weights |= {{ours: source[theirs] for ours, theirs in names.items()}}
for name, packed in mask.items():
    bits = np.unpackbits(packed, count=weights[name].size, bitorder="little")
    weights[name] = weights[name] * bits.reshape(weights[name].shape)
"""

_OWN_READING = (
    "Values are those on the test part, as the author's own loop measured them; mean (minimum to "
    "maximum) over the n tickets, one for each trial. A verdict stands only where at least three "
    "trials support it."
)
_INTRO = (
    "{n} trial{s}, recipe `{recipe}`. A ticket is a mask and the weights that its survivors start "
    "from: **these weights are not trained yet.**"
)
_OWN_REACHED = " The values below were reached by training from them."
_REACHED = " The accuracies below were reached by training from them."
_READING = (
    "Test accuracy is read at the early stop, the first minimum of the validation loss; mean "
    "(minimum to maximum) over the n tickets, one for each trial. A verdict stands only where at "
    "least three trials support it."
)
_UNMEASURED = "Nothing was measured here: `ticket retrain` trains these tickets and judges them."
_UNITS = (
    "Whole units were pruned. Such tickets are expected to match their `reinit` control, and not "
    "to beat it (Liu et al. 2019): what they give is a smaller network, "
    "`ticket export --to small`."
)
_EARLY = (
    "theta0 itself was scored, before or early in training. Such tickets are expected to lose "
    "nothing when their mask is shuffled within layers (Frankle et al. 2021): compare with the "
    "control `shuffle`."
)
_LOADING = """\
## Load it

With Ticket Hub, which checks every byte (`pip install ticket-hub`):

```python
from ticket_hub import Ticket

ticket = Ticket.load(".")
```

With numpy and safetensors alone, in the folder of this bundle:

"""
_RULES = {
    "verdict": "the sparsest level whose evidence says winning or matching",
    "mean-within-margin": "the sparsest level whose mean test accuracy is at most 0.2 points below "
    "the dense network's; this is no verdict",
    "densest": "the densest level, since none comes within 0.2 points of the dense network",
    "sparsest": "the sparsest level; there is no dense network here to compare it with",
}


def plain_card(manifest: Manifest, experiments: Sequence[ExperimentRecord] = ()) -> str:
    """A card as Markdown: front matter, what is in the bundle, how to load it without this tool.

    Args:
        experiments: evidence from elsewhere, which gets a heading of its own.
    """
    ticket, trials, own = manifest.default, len(manifest.trials), manifest.own
    level = next(each for each in manifest.levels if each.index == ticket.level)
    data = "data that are not known" if manifest.data.name == UNKNOWN else manifest.data.name
    title = f"Lottery tickets of {manifest.architecture.name} found on {data}"
    intro = _INTRO.format(n=trials, s="s" * (trials != 1), recipe=manifest.recipe.name)
    measured = any(each.evidence is not None for each in manifest.levels)
    which = f"The default ticket is level {ticket.level} of trial {ticket.trial}: "
    parts = (
        _front_matter(manifest, level.evidence) + f"\n# {title}",
        intro + (_REACHED if own is None else _OWN_REACHED) * measured,
        *_imported(manifest),
        *_figure(manifest),
        _table(manifest.levels, manifest.metric),
        (_READING if own is None else _OWN_READING) if measured else _UNMEASURED,
        which + (_RULES[ticket.rule] if own is None else _own_rule(ticket.rule, own.metric)) + ".",
        *_expected(manifest),
        _limits(manifest),
        *experiments_section(experiments),
        origin_section(manifest),
        _LOADING + f"```python\n{_snippet(manifest)}```",
    )
    return "\n\n".join(parts) + "\n\n"


def _own_rule(rule: str, metric: Metric) -> str:
    """The rule of the default ticket in the metric's own words."""
    near = f"{metric.name} is at most {metric.amount(metric.margin)} worse than the dense network's"
    words = {
        "mean-within-margin": f"the sparsest level whose mean test {near}; this is no verdict",
        "densest": f"the densest level, since there is none whose mean test {near}",
    }
    return one_line(words.get(rule) or _RULES[rule])


def _imported(manifest: Manifest) -> list[str]:
    """Where the tickets come from, if another system found them, and what that leaves open."""
    foreign = [origin for origin in manifest.lineage if origin.kind != BUNDLE]
    if not foreign:
        return []
    head = f"Imported from the files of another system, {one_line(foreign[0].kind)}:"
    return ["\n".join([head, "", *(f"- {one_line(origin.source)}" for origin in foreign)])]


def _figure(manifest: Manifest) -> list[str]:
    """The figure of the ladder, told in words for those who do not see it."""
    if layout.FIGURE not in manifest.files:
        return []
    measured = [level for level in manifest.levels if level.evidence is not None]
    sparsest = min(level.density for level in measured) if measured else 1.0
    text = (
        f"Test {one_line(manifest.metric.name)} and the iteration of the early stop, against the "
        "weights that remain, "
        f"from 100% down to {100 * sparsest:.3g}%; the table below has the numbers"
    )
    return [f"![{text}]({layout.FIGURE})"]


def _front_matter(manifest: Manifest, evidence: EvidenceSummary | None) -> str:
    name, data = manifest.architecture.name, manifest.data.name
    tags = ["lottery-ticket", "pruning", "sparsity"]
    known = (name,) if data == UNKNOWN else (name, data)
    tags += [card_tag(text.removeprefix("timm:")) for text in known]
    lines = ["---", "library_name: ticket-hub"]
    lines += [f"pipeline_tag: {manifest.inputs}-classification"] * (manifest.own is None) + [
        "tags:"
    ]
    lines += [f"- {json.dumps(tag)}" for tag in tags + ["timm"] * name.startswith("timm:")]
    if manifest.own is None and _hub_dataset(data):
        lines += ["datasets:", f"- {json.dumps(_hub_dataset(data))}"]
    if manifest.metric.is_accuracy:
        lines += ["metrics:", "- accuracy"]
    if evidence is not None and manifest.own is None:
        lines += _model_index(manifest, evidence)
    return "\n".join([*lines, "---", ""])


def _model_index(manifest: Manifest, evidence: EvidenceSummary) -> list[str]:
    data = manifest.data.name
    label = f"test accuracy at the early stop after training, mean of {evidence.n}"
    return [
        "model-index:",
        f"- name: {json.dumps(manifest.recipe.name)}",
        "  results:",
        "  - task:",
        f"      type: {manifest.inputs}-classification",
        "    dataset:",
        f"      type: {json.dumps(_hub_dataset(data) or card_tag(data))}",
        f"      name: {json.dumps(data, ensure_ascii=False)}",
        "    metrics:",
        "    - type: accuracy",
        f"      name: {json.dumps(label)}",
        f"      value: {evidence.test_accuracy.mean!r}",
    ]


def results(manifest: Manifest) -> bytes | None:
    """`.eval_results/ticket.yaml`, or None where the data set has no place on the public Hub.

    The accuracy of the default level, in the Hub's format for evaluation results
    (https://huggingface.co/docs/hub/eval-results).
    """
    level = next(each for each in manifest.levels if each.index == manifest.default.level)
    dataset = _hub_dataset(manifest.data.name)
    if dataset is None or level.evidence is None or manifest.own is not None:
        return None
    notes = (
        f"after training the ticket of level {level.index} (density {level.density:.4g}); "
        f"mean of {level.evidence.n} at the early stop"
    )
    return (
        f"- dataset:\n    id: {json.dumps(dataset)}\n    task_id: default\n"
        f"  value: {level.evidence.test_accuracy.mean!r}\n  notes: {json.dumps(notes)}\n"
    ).encode()


def _hub_dataset(name: str) -> str | None:
    return name.removeprefix("hf:") if name.startswith("hf:") else HUB_DATASETS.get(name)


def _table(levels: tuple[LevelRecord, ...], metric: Metric) -> str:
    measured = f"test {one_line(metric.name)}"
    names = ("level", "density", measured, "early stop at", "n", "verdict")
    rows = [_row(level, metric) for level in levels]
    return Table([Column(name) for name in names], rows).markdown()


def _row(level: LevelRecord, metric: Metric) -> list[str]:
    found = level.evidence
    accuracy = stop = n = ""
    if found is not None:
        test = found.test_accuracy
        mean, low, high = (one_line(metric.text(each)) for each in (test.mean, test.min, test.max))
        accuracy = f"{mean} ({low} to {high})"
        stop, n = f"{found.early_stop.mean:.0f}", count_text(found.n, found.n)
    return [str(level.index), f"{level.density:.4g}", accuracy, stop, n, level.verdict or ""]


def _expected(manifest: Manifest) -> list[str]:
    """What the literature found of such tickets, before anybody's evidence."""
    pruning = manifest.recipe.pruning
    if pruning is None:
        return []
    return [_UNITS] * (pruning.granularity == "unit") + [_EARLY] * (pruning.when != "trained")


def _limits(manifest: Manifest) -> str:
    """What the evidence does not show."""
    if any(level.verdict == "winning" for level in manifest.levels):
        text = "It does not show that the tickets win on other data, optimizers or budgets"
    else:
        text = (
            "It does not show that a ticket beats its own mask with fresh weights, which takes "
            "controls (`ticket retrain`), nor that it transfers to other data"
        )
    return f"{text}. {_correction(manifest)}".strip()


def _correction(manifest: Manifest) -> str:
    """How verdicts guard against false words, where there are any."""
    if not any(level.verdict for level in manifest.levels):
        return ""
    if manifest.family:
        return (
            f"Verdicts are at alpha {ALPHA:g}, corrected for the {manifest.family} "
            f"comparison{'s' * (manifest.family != 1)} of all levels together (Holm)."
        )
    return (
        "Verdicts are those of single levels, each tested at one-sided 5% and not corrected for "
        "their number: with many levels a false word is likely among them."
    )


def _snippet(manifest: Manifest) -> str:
    ticket, source = manifest.default, manifest.reference
    place = {"level": ticket.level, "trial": ticket.trial}
    if source is not None:
        shown = one_line(source.source)
        return _REFERENCE_SNIPPET.format(source=shown, sha256=source.sha256, **place)
    text = _DENSE_SNIPPET if manifest.theta0 == "dense" else _SURVIVORS_SNIPPET
    return text.format(densest=manifest.theta0_level, **place)
