"""The papers whose method found a ticket."""

from __future__ import annotations

from dataclasses import dataclass

from ticket_hub.bundle.manifest import Manifest

__all__ = ["Paper", "papers_of"]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper, as it is cited.

    Attributes:
        key: of its BibTeX entry.
        arxiv: its number there.
        authors: in BibTeX's spelling.
        booktitle: the conference's proceedings.
    """

    key: str
    arxiv: str
    authors: str
    title: str
    booktitle: str
    year: int


_ICLR = "International Conference on Learning Representations"
_NEURIPS = "Advances in Neural Information Processing Systems"
_HYPOTHESIS = Paper(
    key="frankle2019lottery",
    arxiv="1803.03635",
    authors="Frankle, Jonathan and Carbin, Michael",
    title="The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks",
    booktitle=_ICLR,
    year=2019,
)
_EARLY_STEP = Paper(
    key="frankle2020linear",
    arxiv="1912.05671",
    authors="Frankle, Jonathan and Dziugaite, Gintare Karolina and Roy, Daniel M. and Carbin, "
    "Michael",
    title="Linear Mode Connectivity and the Lottery Ticket Hypothesis",
    booktitle="International Conference on Machine Learning",
    year=2020,
)
_GOES_ON = Paper(
    key="renda2020comparing",
    arxiv="2003.02389",
    authors="Renda, Alex and Frankle, Jonathan and Carbin, Michael",
    title="Comparing Rewinding and Fine-tuning in Neural Network Pruning",
    booktitle=_ICLR,
    year=2020,
)
_DECONSTRUCTING = Paper(
    key="zhou2019deconstructing",
    arxiv="1905.01067",
    authors="Zhou, Hattie and Lan, Janice and Liu, Rosanne and Yosinski, Jason",
    title="Deconstructing Lottery Tickets: Zeros, Signs, and the Supermask",
    booktitle=_NEURIPS,
    year=2019,
)
_SNIP = Paper(
    key="lee2019snip",
    arxiv="1810.02340",
    authors="Lee, Namhoon and Ajanthan, Thalaiyasingam and Torr, Philip H. S.",
    title="SNIP: Single-shot Network Pruning based on Connection Sensitivity",
    booktitle=_ICLR,
    year=2019,
)
_ITERATIVE_SNIP = Paper(
    key="dejorge2021progressive",
    arxiv="2006.09081",
    authors="de Jorge, Pau and Sanyal, Amartya and Behl, Harkirat S. and Torr, Philip H. S. and "
    "Rogez, Gregory and Dokania, Puneet K.",
    title="Progressive Skeletonization: Trimming more fat from a network at initialization",
    booktitle=_ICLR,
    year=2021,
)
_GRASP = Paper(
    key="wang2020picking",
    arxiv="2002.07376",
    authors="Wang, Chaoqi and Zhang, Guodong and Grosse, Roger",
    title="Picking Winning Tickets Before Training by Preserving Gradient Flow",
    booktitle=_ICLR,
    year=2020,
)
_SYNFLOW = Paper(
    key="tanaka2020pruning",
    arxiv="2006.05467",
    authors="Tanaka, Hidenori and Kunin, Daniel and Yamins, Daniel L. K. and Ganguli, Surya",
    title="Pruning neural networks without any data by iteratively conserving synaptic flow",
    booktitle=_NEURIPS,
    year=2020,
)
_BY_CRITERION = {
    "magnitude-increase": _DECONSTRUCTING,
    "large-final-same-sign": _DECONSTRUCTING,
    "snip": _SNIP,
    "iterative-snip": _ITERATIVE_SNIP,
    "grasp": _GRASP,
    "synflow": _SYNFLOW,
}


def papers_of(manifest: Manifest) -> tuple[Paper, ...]:
    """The papers of a bundle's method, the hypothesis first; what is not known names none."""
    pruning, search = manifest.recipe.pruning, manifest.recipe.search
    found = [_HYPOTHESIS]
    if search is not None and search.goes_on:
        found.append(_GOES_ON)
    elif search is not None and search.rewind_step:
        found.append(_EARLY_STEP)
    if pruning is not None and pruning.criterion in _BY_CRITERION:
        found.append(_BY_CRITERION[pruning.criterion])
    return tuple(found)
