"""Verify a bundle: recompute everything that it claims, and compare."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property
from pathlib import Path

from torch import Tensor

from ticket_hub.bundle import layout, summary
from ticket_hub.bundle.agreement import contradictions, curve_contradiction
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import LevelRecord
from ticket_hub.bundle.metrics import CurveRecord
from ticket_hub.bundle.network import Signature
from ticket_hub.bundle.plugin_records import NETWORK, plugin_notes, remedy_for
from ticket_hub.bundle.read import Bundle, bundle_folder, open_bundle
from ticket_hub.bundle.reference import same_bits
from ticket_hub.bundle.verify_report import OTHER_FILES, Check, VerifyReport
from ticket_hub.errors import BundleError, BundleFormatError, NetworkError, SourceMissingError
from ticket_hub.evidence.rule import Rule
from ticket_hub.networks import is_registered
from ticket_hub.pruning.masks import masked
from ticket_hub.recipe.experiment_spec import TICKET
from ticket_hub.recipe.own import is_own
from ticket_hub.system_files import is_system_file

__all__ = ["verify_bundle"]

SOURCE = "weights that theta0 refers to"

# What version control and the Hub's own clients put beside the files of a bundle.
_FOREIGN = frozenset({".git", ".gitattributes", ".cache"})


def verify_bundle(folder: str | os.PathLike[str], *, partial: bool = False) -> VerifyReport:
    """Check every byte and every claim of a bundle; what is wrong is reported, not raised.

    Digests and sizes of all files, no file beside them, theta0 finite and of the network, counts,
    densities and ids of all tickets, masks nested from level to level (unless each came of a
    training of its own, with `pruning.when = "gradual"`), `model.safetensors` equal
    to theta0 * mask, evidence and verdicts equal to what the curves say, what recipe and tickets
    both say equal, the bundle's own id. Of a network that is not registered here, everything but
    its layers and tensors is checked; of a theta0 by reference whose source cannot be had, all but
    theta0 and the ids of the tickets.

    Args:
        folder: of the bundle, or what `find` gave.
        partial: files that are listed but absent (a pull of a single level) are no failure.
    """
    folder = bundle_folder(folder)
    try:
        bundle, unchecked = _opened(folder)
    except (BundleError, NetworkError) as error:
        name = layout.CONFIG if str(error).startswith(layout.CONFIG) else layout.MANIFEST
        return VerifyReport(checks=(Check(name=name, holds=False, problem=str(error)),))
    absent = tuple(name for name in bundle.manifest.files if not (folder / name).exists())
    verifier = _Verifier(bundle, frozenset(absent) if partial else frozenset())
    checks = tuple(verifier.checks())
    return VerifyReport(
        checks=checks,
        absent=absent if partial else (),
        passed_over=_system_files(folder, {*bundle.manifest.files}),
        unchecked=(*unchecked, *verifier.unchecked),
        notes=tuple(plugin_notes(bundle.manifest.plugins)),
    )


def _opened(folder: Path) -> tuple[Bundle, tuple[str, ...]]:
    bundle = open_bundle(folder)
    name = bundle.manifest.architecture.name
    if is_registered(name):
        _ = bundle.network
        return bundle, ()
    declared = _DeclaredBundle(bundle.files, bundle.manifest)
    _ = declared.network
    remedy = remedy_for(bundle.manifest.plugins, NETWORK, name) or (
        "Import the file or module that registers it: --import FILE_OR_MODULE, or TICKET_IMPORT."
    )
    if is_own(name):
        reason = f"Whether layers and tensors are those of {name!r}: its author alone builds it."
        return declared, (reason,)
    reason = (
        f"Whether layers and tensors are those of {name!r}: this network is not registered here. "
        f"{remedy}"
    )
    return declared, (reason,)


class _Verifier:
    def __init__(self, bundle: Bundle, absent: frozenset[str]) -> None:
        self.bundle, self.manifest, self.absent = bundle, bundle.manifest, absent
        self.unchecked: list[str] = []

    def checks(self) -> Iterator[Check]:
        """The manifest, then every file, then what only the whole shows."""
        yield Check(name=layout.MANIFEST, holds=True)
        for name in sorted(self.manifest.files):
            if name not in self.absent:
                yield _check(name, lambda name=name: self._file(name))  # type: ignore[misc]
        yield _check(OTHER_FILES, self._no_other_file)
        yield Check(name="id of the bundle", holds=True)  # no other one is opened
        registered = not isinstance(self.bundle, _DeclaredBundle)
        for name, problem in contradictions(self.manifest, registered=registered):
            text = f"{problem} {layout.AGAIN}" if problem else ""
            yield Check(name=name, holds=not problem, problem=text)
        if self.manifest.reference is not None:
            yield from self._source()
        for trial in self.manifest.trials:
            yield from self._trial(trial.index)
        if layout.MODEL in self.manifest.files and self._has(*self._default_files()):
            yield _check("survivors equal theta0", self._model)
        if self._has(layout.METRICS):
            yield _check("evidence", self._evidence)

    def _source(self) -> Iterator[Check]:
        """The weights that theta0 refers to, or, where they are not here, what goes unchecked."""
        try:
            _ = self.bundle.source
        except SourceMissingError as error:
            self.unchecked.append(f"The ids of the tickets, and theta0. {error}")
        except BundleError as error:
            yield Check(name=SOURCE, holds=False, problem=str(error))
        else:
            yield Check(name=SOURCE, holds=True)
            return
        self.absent |= {layout.theta0_file(trial.index) for trial in self.manifest.trials}

    def _has(self, *names: str) -> bool:
        return not self.absent.intersection(names)

    def _file(self, name: str) -> None:
        self.bundle.digest(name)
        if name == layout.FIGURE:
            self.bundle.figure()
        if name == layout.COSTS:
            self.bundle.costs()
        if layout.is_evidence(name):
            self.bundle.experiment(name)
        if layout.is_reproduction(name):
            self.bundle.reproduction(name)

    def _no_other_file(self) -> None:
        known = {layout.MANIFEST, *self.manifest.files}
        for path in sorted(self.bundle.path.rglob("*")):
            name = path.relative_to(self.bundle.path).as_posix()
            if path.is_dir() and not path.is_symlink():
                continue
            if name not in known and not layout.is_beside(name) and not _is_left_over(name):
                raise BundleFormatError(
                    f"{name} is in the folder but not in the manifest.", "Remove it."
                )

    def _trial(self, trial: int) -> Iterator[Check]:
        levels = [
            level
            for level in self.manifest.levels
            if level.tickets and self._has(layout.mask_file(trial, level.index))
        ]
        densest = self.manifest.theta0_level
        needed = [layout.theta0_file(trial)]
        needed += [] if densest is None else [layout.mask_file(trial, densest)]
        if self._has(*needed):
            for level in levels:
                name = f"ticket of level {level.index}, trial {trial}"
                yield _check(name, lambda level=level: self._ticket(level, trial))  # type: ignore[misc]
        pruning = self.manifest.recipe.pruning
        if pruning is None or not pruning.is_in_training:  # whose levels are trained apart
            yield _check(f"nesting of trial {trial}", lambda: self._nesting(levels, trial))

    def _ticket(self, level: LevelRecord, trial: int) -> None:
        self.bundle.ticket(level.index, trial)

    def _nesting(self, levels: list[LevelRecord], trial: int) -> None:
        outer: dict[str, Tensor] | None = None
        for level in levels:
            mask = self.bundle.mask(level.index, trial)
            nested = outer is None or not any(
                bool((keep & ~outer[name]).any()) for name, keep in mask.items()
            )
            _demand(nested, f"Level {level.index} keeps weights that the level before dropped.")
            outer = mask

    def _default_files(self) -> tuple[str, ...]:
        default = self.manifest.default
        mask = layout.mask_file(default.trial, default.level)
        return layout.MODEL, layout.theta0_file(default.trial), mask

    def _model(self) -> None:
        default, model = self.manifest.default, self.bundle.model()
        ticket = self.bundle.ticket(default.level, default.trial)
        expected = masked(ticket.theta0, ticket.mask)
        same = model is not None and all(
            same_bits(model[name], value) for name, value in expected.items()
        )
        _demand(same, f"{layout.MODEL} is not theta0 * mask of the default ticket.")

    def _evidence(self) -> None:
        manifest, trials = self.manifest, [trial.index for trial in self.manifest.trials]
        backends: dict[int, set[str]] = {}
        outcomes = summary.outcomes(_known(self.bundle, backends), trials, manifest.metric)
        rule = Rule.of(manifest.metric)
        words, family = summary.stated(outcomes, manifest.family, rule)
        _demand(family == manifest.family, "Its verdicts are of another number of comparisons.")
        for level in manifest.levels:
            names = backends.get(level.index, set())
            found = summary.measured(outcomes.get((level.index, TICKET)), names)
            _demand(
                (found, words.get(level.index)) == (level.evidence, level.verdict),
                f"The evidence or verdict of level {level.index} is not what its curves say.",
            )


def _known(bundle: Bundle, backends: dict[int, set[str]]) -> Iterator[CurveRecord]:
    """Every curve once, noting what trained the tickets of each level."""
    manifest: Manifest = bundle.manifest
    trials = {trial.index for trial in manifest.trials}
    seen: set[tuple[int, int, str]] = set()
    for record in bundle.curves():
        key = (record.level, record.trial, record.control)
        known = manifest.level(record.level) is not None and record.trial in trials
        _demand(known and key not in seen, f"{layout.METRICS} has a curve of nothing, or twice.")
        seen.add(key)
        problem = curve_contradiction(manifest, record)
        _demand(not problem, problem)
        if record.control == TICKET:
            backends.setdefault(record.level, set()).add(record.backend)
        yield record


def _check(name: str, claim: Callable[[], None]) -> Check:
    try:
        claim()
    except BundleError as error:
        return Check(name=name, holds=False, problem=str(error))
    return Check(name=name, holds=True)


def _demand(holds: bool, problem: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise BundleFormatError(problem, layout.AGAIN)


def _system_files(folder: Path, known: AbstractSet[str]) -> tuple[str, ...]:
    """What a desktop or a storage has put there; of a folder of theirs, its own name alone."""
    found = []
    for place, folders, files in os.walk(folder):
        inside = [name for name in (*folders, *files) if is_system_file(name)]
        found += [(Path(place) / name).relative_to(folder).as_posix() for name in inside]
        folders[:] = [name for name in folders if name not in inside]
    return tuple(sorted(name for name in found if name not in known))


def _is_left_over(name: str) -> bool:
    """What systems put there, and what an interrupted write leaves, which the next clears away."""
    first, *_, last = name.split("/") if "/" in name else (name, name)
    return (
        first in _FOREIGN
        or any(map(is_system_file, name.split("/")))
        or first == layout.STAGING
        or (layout.is_known(name) and first in {"theta0", "masks"})
        or (last.startswith(".") and last.endswith(".part"))
    )


class _DeclaredBundle(Bundle):
    """Reads and checks all that follows without the network: digests, masks, counts, ids, curves.

    Whether layers and tensors are those of the network is not known.
    """

    @cached_property
    def network(self) -> Signature:
        """What the bundle's own files say of it.

        Raises:
            BundleError: a layer has no tensor, or one of another shape.
        """
        self.warn_of_other_plugins()
        return self.declared
