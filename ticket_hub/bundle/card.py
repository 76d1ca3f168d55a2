"""The card of a bundle: README.md, from parts that stand in modules of their own."""

from __future__ import annotations

from collections.abc import Sequence

from ticket_hub.bundle import layout
from ticket_hub.bundle.card_costs import costs_section
from ticket_hub.bundle.card_experiments import (
    experiments_section,
    one_line,
    reproductions_section,
)
from ticket_hub.bundle.card_front import front_matter
from ticket_hub.bundle.card_loading import citing, loading_first, loading_without
from ticket_hub.bundle.card_origin import origin_section
from ticket_hub.bundle.card_terms import CardTerms
from ticket_hub.bundle.citation import bundle_title
from ticket_hub.bundle.cost_record import CostRecord
from ticket_hub.bundle.experiment_record import ExperimentRecord
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import LevelRecord
from ticket_hub.bundle.reproduction_record import ReproductionRecord
from ticket_hub.bundle.spec import default_ticket
from ticket_hub.bundle.unknown import BUNDLE
from ticket_hub.evidence import count_text
from ticket_hub.evidence.verdict import ALPHA
from ticket_hub.recipe.own import Metric, read_at
from ticket_hub.table import Column, Table

__all__ = ["plain_card"]

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
_UNTRAINED = (
    " Nor are the accuracies below of trained networks: these masks need no training, and the "
    "search trained for one iteration at most. `ticket retrain` trains the tickets and judges them."
)
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
_SIGNED = (
    "Signed with the key `{key}`, in the format of OpenSSF Model Signing (`model.sig`). A card can "
    "say anything: `ticket verify {place} --signer NAME` checks the signature against a key that "
    "you know from elsewhere and have trusted (`ticket trust add NAME KEY.pub`)."
)
_REPLAYED = "These tickets were {replays}: the records are in `replays/`."
_SIGNS = (
    "Of theta0 there are the signs of the survivors alone, one bit each: the tickets begin with "
    "fresh sizes, `ticket retrain --start signed` or `ticket.signed(seed)` in Python. Tickets with "
    "the signs of trained weights come near the dense network from any initialization (Oh et al. "
    "2025, AWS); compare with the control `random-signs`. What was measured with all of theta0 is "
    "in the bundle that is named under its origin."
)
_OF_THAT = (
    "Accuracies of pruned levels are those of that training, which began with the dense network: "
    "what the tickets reach from theta0 is told by `ticket retrain`."
)
_IN_TRAINING = {
    "gradual": "The masks of these tickets shrank while their networks were trained (gradual "
    f"pruning, Zhu & Gupta 2017). {_OF_THAT}",
    "early-bird": "The masks of these tickets were drawn again and again while their networks were "
    f"trained, until they settled (early-bird tickets, You et al. 2020). {_OF_THAT}",
}
_RULES = {
    "verdict": "the sparsest level whose evidence says winning or matching",
    "experiment": "the sparsest level that an experiment with its tickets says winning or matching "
    "of; `model.safetensors` is that of the search's own curves",
    "mean-within-margin": "the sparsest level whose mean test accuracy is at most 0.2 points below "
    "the dense network's; this is no verdict",
    "densest": "the densest level, since none comes within 0.2 points of the dense network",
    "sparsest": "the sparsest level; there is no trained dense network here to compare it with",
}


def plain_card(
    manifest: Manifest,
    *,
    experiments: Sequence[ExperimentRecord] = (),
    costs: Sequence[CostRecord] = (),
    reproductions: Sequence[ReproductionRecord] = (),
    terms: CardTerms = CardTerms(),  # noqa: B008 - frozen
    signed: str = "",
    replays: str = "",
) -> str:
    """A card as Markdown: front matter, what is in the bundle, how to load it without this tool.

    Args:
        experiments: evidence from elsewhere, which gets a heading of its own.
        costs: what its tickets were measured to cost, which gets one, too.
        reproductions: claims that were tried with its tickets, a line each.
        terms: where the bundle is shared, and its licence.
        signed: the id of the key that it is about to be signed with, if it is.
        replays: what others found who trained the tickets again, as `replayed by 3 others`.
    """
    ticket = default_ticket(manifest, lambda: experiments)
    trials, own = len(manifest.trials), manifest.own
    intro = _INTRO.format(n=trials, s="s" * (trials != 1), recipe=manifest.recipe.name)
    measured = any(each.evidence is not None for each in manifest.levels)
    which = f"The default ticket is level {ticket.level} of trial {ticket.trial}: "
    parts = (
        front_matter(manifest, terms) + f"\n# {bundle_title(manifest)}",
        loading_first(manifest, terms),
        intro + _reached(manifest) * measured,
        *_imported(manifest),
        *_figure(manifest),
        _table(manifest),
        (_READING if own is None else _OWN_READING) if measured else _UNMEASURED,
        which + (_RULES[ticket.rule] if own is None else _own_rule(ticket.rule, own.metric)) + ".",
        *_expected(manifest),
        _limits(manifest),
        *reproductions_section(reproductions),
        *experiments_section(experiments),
        *([_REPLAYED.format(replays=replays)] if replays else ()),
        *costs_section(costs, manifest),
        origin_section(manifest),
        *([_SIGNED.format(key=signed[:16], place=terms.repo or "BUNDLE")] if signed else ()),
        loading_without(manifest, ticket),
        citing(manifest, terms),
    )
    return "\n\n".join(parts) + "\n\n"


def _reached(manifest: Manifest) -> str:
    pruning = manifest.recipe.pruning
    if pruning is not None and pruning.is_in_training:
        return ""  # see `_IN_TRAINING`
    if not any(each.evidence.is_trained for each in manifest.levels if each.evidence):
        return _UNTRAINED
    return _REACHED if manifest.own is None else _OWN_REACHED


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
        f"Test {one_line(manifest.metric.name)} and the "
        f"{'iteration of the early stop' if manifest.stops_early else 'last iteration'}, against "
        "the weights that remain, "
        f"from 100% down to {100 * sparsest:.3g}%; the table below has the numbers"
    )
    return [f"![{text}]({layout.FIGURE})"]


def _table(manifest: Manifest) -> str:
    metric, more = manifest.metric, manifest.measured_names
    stop = "early stop at" if manifest.stops_early else read_at(stops_early=False)
    names = ("level", "density", f"test {metric.name}", *more, stop, "n", "verdict")
    rows = [_row(level, metric, more) for level in manifest.levels]
    return Table([Column(one_line(name)) for name in names], rows).markdown()


def _row(level: LevelRecord, metric: Metric, more: Sequence[str]) -> list[str]:
    found = level.evidence
    accuracy = stop = n = ""
    if found is not None:
        test = found.test_accuracy
        mean, low, high = (one_line(metric.text(each)) for each in (test.mean, test.min, test.max))
        accuracy = f"{mean} ({low} to {high})"
        stop, n = f"{found.early_stop.mean:.0f}", count_text(found.n, found.n)
    numbers = ["" if found is None else f"{found.measured[name].mean:.4g}" for name in more]
    place = [str(level.index), f"{level.density:.4g}", accuracy]
    return [*place, *numbers, stop, n, level.verdict or ""]


def _expected(manifest: Manifest) -> list[str]:
    """What the literature found of such tickets, before anybody's evidence."""
    pruning = manifest.recipe.pruning
    if pruning is None:
        return [_SIGNS] * (manifest.theta0 == "signs")
    units = [_SIGNS] * (manifest.theta0 == "signs")
    units += [_UNITS] * (pruning.granularity == "unit")
    if pruning.is_in_training:
        return [*units, _IN_TRAINING[pruning.when]]
    return units + [_EARLY] * (pruning.when != "trained")


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
