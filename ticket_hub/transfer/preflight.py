"""Refuse at once what an experiment would refuse later, when others have trained for hours."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from ticket_hub.data import DataSet, load
from ticket_hub.data.dataset import Part
from ticket_hub.recipe.spec import DataSpec
from ticket_hub.transfer.controls import bases_of
from ticket_hub.transfer.experiment_networks import DenseNetwork, ExperimentNetworks
from ticket_hub.transfer.folder import ExperimentFolder
from ticket_hub.transfer.images import fit_images
from ticket_hub.transfer.planning import Plan
from ticket_hub.transfer.spec import TICKET, MemberKey

__all__ = ["preflight"]

MAX_EXAMPLES = 2


def preflight(plans: Iterable[tuple[Plan, Path]], data_dir: Path | str | None) -> None:
    """Load the data of every unfinished experiment and make its first networks; train nothing.

    Args:
        plans: each with the folder where it is done.
        data_dir: as `ticket_hub.data.load` takes it.

    Raises:
        DataError: data cannot be had, or do not have so many examples for validation.
        NetworkError: a network cannot take them.
        EvidenceError: a control cannot be had from a bundle.
        BundleError, PruningError: as their names say.
    """
    known: tuple[DataSpec, DataSet] | None = None
    for plan, folder in plans:
        done = ExperimentFolder(folder)
        if all(done.has(entry) for group in plan.request.groups() for entry in group):
            continue
        if known is None or known[0] != plan.spec.data:
            known = (plan.spec.data, _few(load(plan.spec.data, data_dir, notify=_say_nothing)))
        _line_up(plan, known[1])


def _say_nothing(_note: str) -> None:
    """The notes are told when the data are read to be trained on."""


def _few(data: DataSet) -> DataSet:
    """The same data with hardly an example, so that the whole is not kept or scaled."""
    parts = {
        name: Part(
            inputs=part.inputs[:MAX_EXAMPLES].clone(), labels=part.labels[:MAX_EXAMPLES].clone()
        )
        for name, part in (
            ("train", data.train),
            ("validation", data.validation),
            ("test", data.test),
        )
    }
    return dataclasses.replace(data, **parts)  # type: ignore[arg-type] # parts only


def _line_up(plan: Plan, data: DataSet) -> None:
    fitted = fit_images(data, plan.source.bundle.architecture, plan.spec.images)
    networks = ExperimentNetworks(
        source=plan.source,
        spec=plan.spec,
        request=plan.request,
        own=plan.own,
        data=lambda: fitted,
        dense=_untrained,
    )
    for control in (TICKET, *plan.request.controls):
        # What begins from a trained network cannot be made before that is trained.
        if not bases_of(control):
            networks.prepare(MemberKey(plan.request.levels[0], control, 0))


def _untrained(trial: int, control: str) -> DenseNetwork:
    raise AssertionError(f"{control} of trial {trial} is not trained by a preflight")
