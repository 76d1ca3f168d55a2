"""Sharing a bundle: signed, and with the evidence that experiments with its tickets have given."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ticket_hub.bundle import (
    amend_bundle,
    layout,
    open_bundle,
    verify_bundle,
)
from ticket_hub.bundle.card_marks import is_generated
from ticket_hub.bundle.card_terms import CardTerms, read_terms, written_license
from ticket_hub.bundle.read import bundle_folder
from ticket_hub.errors import (
    BundleError,
    BundleFormatError,
    RunLockedError,
    StorageError,
)
from ticket_hub.hub.address import PlaceLike, check_repo
from ticket_hub.hub.base import Pushed
from ticket_hub.hub.beside import bring_replays
from ticket_hub.hub.builtin import stays_as_it_is
from ticket_hub.hub.connect import connect
from ticket_hub.hub.push import push
from ticket_hub.runs.lock import owned
from ticket_hub.signing.keys import PrivateKey, find_key
from ticket_hub.signing.model_signature import ModelSignature, write_signature
from ticket_hub.signing.replays import replays_of
from ticket_hub.transfer.evidence_of_runs import add_evidence
from ticket_hub.transfer.repacking import repacked
from ticket_hub.transfer.undoing import card_put_back_if_refused

__all__ = ["add_evidence", "name_card", "push_bundle", "sign_bundle"]


def push_bundle(
    bundle: str | os.PathLike[str],
    repo: str,
    *,
    evidence: Sequence[PlaceLike] = (),
    by: str = "",
    theta0: Literal["dense", "reference", "signs"] | None = None,
    license: str | None = None,  # noqa: A002 - what cards and hubs call it
    hub: str | Path | None = None,
    token: str | None = None,
    message: str | None = None,
    private: bool | None = None,
    parent: str | None = None,
    create_pr: bool = False,
    sign: bool = False,
    key: str = "",
) -> Pushed:
    """Share a bundle under `owner/name`; see `ticket_hub.hub.push`.

    One that is signed keeps its card as it was signed, unless it is signed anew. Where the push is
    refused, card and signature are again as they were; evidence that was added stays.

    Args:
        bundle: its folder, or what `find` gave.
        evidence: finished experiments with its tickets, and claims that were tried with them,
            which are added to the bundle and shown on its card; see `add_evidence`.
        by: who made them.
        theta0: share it with all of theta0 (`dense`), or only with what is not of the pretrained
            weights that the search began with (`reference`); None is as the bundle has it. The
            ids are the same. Or with the signs of the survivors alone (`signs`): other tickets,
            with other ids, that begin with fresh sizes; what was measured stays with this bundle.
        license: that others may use it under, an SPDX identifier; None is what its card says.
        hub: a folder, or the address of a server; None is `HF_ENDPOINT`, or the public Hub.
        token: None is `HF_TOKEN`, or what `hf auth login` kept.
        sign: sign what is shared, after all that is added to it.
        key: with which key; see `sign_bundle`.

    Raises:
        BundleError: there is no bundle in that folder.
        TicketHubError: as `ticket_hub.hub.push`, `add_evidence` and `sign_bundle`.
    """
    bundle = bundle_folder(bundle)
    present = open_bundle(bundle).manifest
    signer = find_key(key) if sign else None  # first: without one nothing is changed
    if evidence:
        add_evidence(bundle, evidence, by=by)
    there = connect(hub, token=token)
    if not stays_as_it_is(bundle):
        bring_replays(there, repo, bundle)
    with contextlib.ExitStack() as stack:
        folder = bundle
        stack.enter_context(card_put_back_if_refused(folder))
        if sign or not (folder / layout.SIGNATURE).exists():
            name_card(folder, repo, license)
        else:
            _leave_signed_card(folder, repo, license)
        if theta0 is not None and theta0 != present.theta0:
            other = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "bundle"
            folder = repacked(folder, other, theta0)
        if signer is not None:
            _sign(folder, signer)
        return push(
            there,
            folder,
            repo,
            message=message,
            private=private,
            parent=parent,
            create_pr=create_pr,
        )


def name_card(folder: Path, repo: str, license: str | None = None) -> None:  # noqa: A002
    """Have the card of a bundle say where it is shared, and under which licence.

    A card that a person wrote stays, and so does what was pulled. Where the card cannot be written,
    it is said in a warning, and a licence that was asked for is an error.

    Raises:
        BundleError: the licence is none that hubs know, or there is no card of ours to write it on.
        RunLockedError, StorageError: the licence cannot be written now.
    """
    check_repo(repo)
    known = None if license is None else written_license(license)
    card = folder / layout.CARD
    if stays_as_it_is(folder):
        refusal = f"{folder} was pulled, and stays as its hub has it."
    elif card.exists() and not (card.is_file() and is_generated(card.read_bytes())):
        refusal = f"{card} was written by a person, and stays as it is."
    else:
        old = read_terms(folder)
        terms = CardTerms(repo=repo, license=old.license if known is None else known)
        replays = _replays(folder, repo)
        if terms == old and not replays:
            return
        try:
            with owned(folder):
                amend_bundle(folder, terms=terms, replays=replays)
        except (RunLockedError, StorageError) as error:
            if known is not None:
                raise
            warnings.warn(f"The card does not name {repo}: {error.problem}", stacklevel=3)
        return
    if known is not None:
        raise BundleError(
            refusal, "Write the licence into the front matter of a README.md of a copy."
        )


def _leave_signed_card(folder: Path, repo: str, license: str | None) -> None:  # noqa: A002
    """Say what a card does not say, since another one would cost the signature.

    Raises:
        BundleError: a licence was asked for.
    """
    remedy = "`ticket push --sign` writes the card and signs the bundle anew."
    if license is not None:
        raise BundleError(f"{folder} is signed: another card would cost the signature.", remedy)
    if read_terms(folder).repo != repo:
        warnings.warn(
            f"The card does not name {repo}: the bundle is signed as it is. {remedy}", stacklevel=3
        )


def sign_bundle(bundle: str | os.PathLike[str], *, key: str = "") -> ModelSignature:
    """Sign a bundle: who has the public key can tell that the key's owner vouches for every byte.

    The signature is `model.sig` in the format of OpenSSF Model Signing. It covers all but the card
    (README.md), and is gone when the bundle is written anew.

    Args:
        key: the name of a key that `ticket_hub.signing.keys.keygen` made, or the file of one; by
            default the one named `default`, or the only one there is.

    Raises:
        SignatureError: there is no such key, or cryptography is not installed.
        BundleError: it is not sound, or was pulled and stays as its hub has it.
        RunLockedError: a search works on the bundle.
        StorageError: the folder may not be written.
    """
    folder = bundle_folder(bundle)
    if stays_as_it_is(folder):
        raise BundleError(
            f"{folder} was pulled, and stays as its hub has it.",
            "Copy the folder, and sign the copy.",
        )
    return _sign(folder, find_key(key))


def _sign(folder: Path, key: PrivateKey) -> ModelSignature:
    report = verify_bundle(folder)
    if not report.holds:
        first = report.failures[0]
        raise BundleFormatError(
            f"The bundle is not sound ({first.name}: {first.problem}), so it is not signed.",
            "Write it again with `ticket find`, or pull it again.",
        )
    with owned(folder):
        replays = _replays(folder, read_terms(folder).repo)
        amend_bundle(folder, signed=key.public.id, replays=replays)
        return write_signature(folder, key)


def _replays(folder: Path, repo: str) -> str:
    """What others found, in words for the card."""
    if not (folder / layout.REPLAYS).is_dir():
        return ""
    owner = repo.partition("/")[0]
    return replays_of(folder, open_bundle(folder).manifest.id, owner=owner).sentence
