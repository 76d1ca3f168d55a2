"""Push a bundle: checked first, then one commit with nothing but what the hub lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.card_marks import is_generated
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.errors import BundleError, BundleFormatError, HubNotFoundError
from ticket_hub.hub.address import check_repo
from ticket_hub.hub.base import Hub, Pushed, Snapshot
from ticket_hub.hub.beside import files_beside

__all__ = ["push"]


def push(
    hub: Hub,
    folder: Path,
    repo: str,
    *,
    message: str | None = None,
    private: bool | None = None,
    parent: str | None = None,
    create_pr: bool = False,
) -> Pushed:
    """Share a bundle under `owner/name`.

    The bundle is verified first. What the hub has whole is not sent again, what is damaged there is
    mended, files of tickets that are no more are deleted, and a README.md that a user wrote on the
    hub stays.

    Args:
        message: of the commit.
        private: for a new repository; None is the hub's default.
        parent: the commit that this push builds on; by default the one that is there now.
        create_pr: propose the commit instead of making it (Hugging Face Hub only).

    Raises:
        BundleError: a check of the bundle does not hold; nothing was sent.
        SignatureError: its signature is of other bytes; nothing was sent.
        HubConflictError: somebody else pushed in between; nothing was changed.
        HubError: the hub refuses or cannot be reached.
    """
    check_repo(repo)
    manifest, passed_over = _sound(folder)
    there = _there(hub, repo)
    present = _present(hub, there)
    paths = {file.path for file in there.files} if there else set()
    names = [layout.MANIFEST, *manifest.files]
    if there is not None and not _may_replace_card(hub, there):
        names.remove(layout.CARD)
    # All of them: only the hub knows which it has; the manifest there says what it had once.
    beside = files_beside(folder)
    files = [(name, folder / name) for name in (*names, *beside)]
    gone = [
        name for name in (present.files if present else ()) if name in paths - {*manifest.files}
    ]
    gone += _outdated(manifest, present, paths - {*beside})
    pushed = hub.push(
        repo,
        files,
        delete=gone,
        message=message or f"Tickets of {manifest.recipe.name}",
        parent=parent or (there.commit if there else None),
        private=private,
        create_pr=create_pr,
    )
    return replace(pushed, passed_over=passed_over)


def _sound(folder: Path) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest of a bundle that is whole and keeps every promise, and what is passed over."""
    from ticket_hub.bundle.read import open_bundle  # slow, as the next: they need PyTorch
    from ticket_hub.bundle.verify import verify_bundle
    from ticket_hub.bundle.verify_report import OTHER_FILES
    from ticket_hub.signing.model_signature import check_signature

    report = verify_bundle(folder, partial=True)
    if not report.holds:
        first = report.failures[0]
        raise BundleFormatError(
            f"The bundle is not sound ({first.name}: {first.problem}); nothing was sent.",
            "Remove what is not of the bundle, and push again."
            if [check.name for check in report.failures] == [OTHER_FILES]
            else "Write it again with `ticket find`, or pull it again.",
        )
    if report.absent:
        raise BundleFormatError(
            f"{len(report.absent)} files of the bundle in {folder} are not here; nothing was sent.",
            "If it was pulled for some levels only, pull it whole: `ticket pull OWNER/NAME --all`.",
        )
    check_signature(folder, {})
    bundle = open_bundle(folder)
    _ = bundle.source  # without the weights that theta0 refers to, nobody could check the tickets
    return bundle.manifest, report.passed_over


def _outdated(manifest: Manifest, present: Manifest | None, others: AbstractSet[str]) -> list[str]:
    """What the hub has beside its manifest that says nothing about this one.

    Args:
        others: files on the hub that this push does not bring.
    """
    beside = {name for name in others if layout.is_beside(name)}
    if present == manifest:
        return []
    same_tickets = present is not None and present.id == manifest.id
    return sorted(name for name in beside if not (same_tickets and layout.is_replay(name)))


def _there(hub: Hub, repo: str) -> Snapshot | None:
    try:
        return hub.snapshot(repo)
    except HubNotFoundError:
        return None


def _present(hub: Hub, there: Snapshot | None) -> Manifest | None:
    """The manifest on the hub, or None where there is no sound one."""
    if there is None or all(file.path != layout.MANIFEST for file in there.files):
        return None
    with contextlib.suppress(BundleError, HubNotFoundError):  # damaged or lost: this push mends it
        data = hub.read(there, layout.MANIFEST, limit=layout.MAX_MANIFEST_BYTES)
        return encoding.decode(data)
    return None


def _may_replace_card(hub: Hub, there: Snapshot) -> bool:
    if all(file.path != layout.CARD for file in there.files):
        return True
    try:
        return is_generated(hub.read(there, layout.CARD, limit=layout.MAX_CARD_BYTES))
    except (BundleError, HubNotFoundError):  # nobody can read it any more
        return True
