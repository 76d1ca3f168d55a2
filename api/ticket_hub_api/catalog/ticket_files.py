"""Parts of a ticket: its files as they are, its curves, the densities of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from ticket_hub.errors import BundleError, HubError, TicketNotFoundError
from ticket_hub.recipe.pruning_spec import LayerKind
from ticket_hub_api.catalog import bundles
from ticket_hub_api.catalog.description_shapes import LevelDetail
from ticket_hub_api.catalog.ticket_shapes import TicketDetail
from ticket_hub_api.store.objects import Content, FileAnswer, open_content
from ticket_hub_api.store.xet.reading import Stores

__all__ = [
    "Curve",
    "LayerAtLevel",
    "Layers",
    "TicketCurves",
    "curves_of",
    "layers_of",
    "level_of",
    "part_of",
    "refuse_many_curves",
]  # fmt: skip

MAX_CURVE_BYTES = 32 << 20


@dataclass(frozen=True, kw_only=True)
class LayerAtLevel:
    """One prunable layer at one level: survivors of each trial, and their mean share."""

    name: str
    kind: LayerKind
    shape: tuple[int, ...]
    size: int
    kept: dict[str, int]
    density: float


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The layers of a level, in the network's order."""

    repo: str
    commit: str
    level: int
    density: float
    layers: tuple[LayerAtLevel, ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One trained network: readings on the evaluation grid; null where the test was not read.

    Attributes:
        level, trial: of the ticket.
        control: `ticket`, or the name of a control.
        backend: what trained it.
        chosen: the iteration of the early stop.
        iterations: of each reading.
        validation_loss, test_loss: mean cross-entropy in nats.
        validation_accuracy, test_accuracy: in [0, 1].
        train_loss, train_accuracy: of a sample of the training part; null where none was read.
        measured: other numbers that an author's own loop gave, by its names.
    """

    level: int
    trial: int
    control: str
    backend: str
    chosen: int
    iterations: tuple[int, ...]
    validation_loss: tuple[float | None, ...]
    validation_accuracy: tuple[float | None, ...]
    test_loss: tuple[float | None, ...]
    test_accuracy: tuple[float | None, ...]
    train_loss: tuple[float | None, ...] | None = None
    train_accuracy: tuple[float | None, ...] | None = None
    measured: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TicketCurves:
    """Curves of a ticket."""

    repo: str
    commit: str
    curves: tuple[Curve, ...]


def level_of(ticket: TicketDetail, level: int) -> LevelDetail:
    """One level of a ticket.

    Raises:
        TicketNotFoundError: there is none, or it is here as evidence only.
    """
    carried = [each for each in ticket.description["levels"] if each["carried"]]
    for each in carried:
        if each["level"] == level:
            return each
    known = ", ".join(str(each["level"]) for each in carried)
    raise TicketNotFoundError(f"{ticket.repo} has no ticket of level {level}.", f"It has {known}.")


def layers_of(ticket: TicketDetail, level: int) -> Layers:
    """The densities of a level, layer by layer.

    Raises:
        TicketNotFoundError: the ticket has no such level.
    """
    found = level_of(ticket, level)
    layers = []
    for place, layer in enumerate(ticket.description["layers"]):
        size = 1
        for extent in layer["shape"]:
            size *= extent
        layers.append(
            LayerAtLevel(
                name=layer["name"],
                kind=layer["kind"],
                shape=tuple(layer["shape"]),
                size=size,
                kept={trial: counts[place] for trial, counts in found["kept"].items()},
                density=found["layers"][place],
            )
        )
    return Layers(
        repo=ticket.repo,
        commit=ticket.commit,
        level=level,
        density=found["density"],
        layers=tuple(layers),
    )


def part_of(stores: Stores, connection: Connection, ticket: TicketDetail, path: str) -> FileAnswer:
    """A file of a ticket, ready to be handed out, named by its digest.

    Raises:
        TicketNotFoundError: the ticket has no such file.
        HubError: it is a mirrored one, whose files are on its own hub.
    """
    content = _content(stores, connection, ticket, path)
    return FileAnswer(
        repository="",
        commit=ticket.commit,
        path=path,
        etag=_file(ticket, path).sha256,
        large=False,
        content=content,
        xet_hash="",
        body=None,
    )


def _file(ticket: TicketDetail, path: str) -> Any:  # noqa: ANN401 - a TicketFile
    for file in ticket.files:
        if file.path == path:
            return file
    raise TicketNotFoundError(f"{ticket.repo} has no {path}.", "Choose another trial or level.")


def _content(stores: Stores, connection: Connection, ticket: TicketDetail, path: str) -> Content:
    """The content of a file of a ticket.

    Raises:
        HubError: the ticket is a mirrored one, whose files are on its own hub.
    """
    if ticket.source:
        raise HubError(
            f"The files of {ticket.repo} are not on this hub; it only knows of them.",
            f"They are on {ticket.source}.",
        )
    return open_content(stores, connection, _file(ticket, path).sha256)


def curves_of(
    stores: Stores,
    connection: Connection,
    ticket: TicketDetail,
    *,
    level: int | None = None,
    trial: int | None = None,
    control: str = "",
) -> TicketCurves:
    """The curves of a ticket, or those of one level, trial or control.

    Raises:
        TicketNotFoundError: it has no file of curves.
        HubError: the ticket is a mirrored one, whose files are on its own hub.
        BundleError: there are too many for one answer.
    """
    content = _content(stores, connection, ticket, bundles.METRICS)
    refuse_many_curves(ticket, content.size)
    found = tuple(
        curve
        for curve in _curves(content)
        if level in {None, curve.level}
        and trial in {None, curve.trial}
        and control in {"", curve.control}
    )
    return TicketCurves(repo=ticket.repo, commit=ticket.commit, curves=found)


def refuse_many_curves(ticket: TicketDetail, size: int) -> None:
    """Refuse to read more curves than one request may cost.

    Raises:
        BundleError: there are more.
    """
    if size > MAX_CURVE_BYTES:
        raise BundleError(
            f"The curves of {ticket.repo} take {size} bytes.",
            f"Fetch {bundles.METRICS} with `ticket pull`, and read them there.",
        )


def _curves(content: Content) -> Iterator[Curve]:
    from ticket_hub.bundle.metrics import columns_of, parse_lines

    for record in parse_lines(bundles.lines(content.read(0, content.size))):
        columns: dict[str, Any] = {
            name: tuple(values) for name, values in columns_of(record.curves).items()
        }
        yield Curve(
            level=record.level,
            trial=record.trial,
            control=record.control,
            backend=record.backend,
            chosen=record.chosen,
            measured=dict(record.curves.measured),
            **columns,
        )
