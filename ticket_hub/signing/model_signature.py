"""The signature of a bundle, `model.sig`, in the format of OpenSSF Model Signing 1.0.

It covers the manifest and every file that the manifest lists, each by its sha256, but for the
card, which its owner may edit where it is shared. What is not in the manifest is not covered: the
signature itself and the replays of others. A bundle that is written anew has another manifest, and
so no signature any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticket_hub.bundle import encoding, layout
from ticket_hub.bundle.files import BundleFolder
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.durable import write_bytes
from ticket_hub.errors import BundleError, SignatureError
from ticket_hub.signing.envelope import STATEMENT, Envelope, read_envelope, seal
from ticket_hub.signing.keys import PrivateKey, PublicKey, matching

__all__ = [
    "ModelSignature",
    "check_signature",
    "covering",
    "read_signature",
    "write_signature",
]

PREDICATE = "https://model_signing/signature/v1.0"
IGNORED = (".cache", ".git", ".gitattributes", ".github", ".gitignore", layout.CARD,
           layout.SIGNATURE, layout.REPLAYS)  # fmt: skip
"""What may lie in the folder and is not signed; other tools read it from the signature."""
_REMEDY = "Do not use it: fetch the bundle again, or ask its author to sign it again."


@dataclass(frozen=True, kw_only=True)
class ModelSignature:
    """A signature that fits its bundle.

    Attributes:
        key_id: of the key that it names; see `ticket_hub.signing.keys.PublicKey`.
        signer: the name of that key among those that were given, by which the signature was
            checked; empty where it is not among them. Then nobody knows who made it.
    """

    key_id: str
    signer: str = ""

    @property
    def sentence(self) -> str:
        """`signed by ann, key 0a1b2c3d4e5f6071`, or that nobody here knows by whom."""
        key = self.key_id[:16]
        if self.signer:
            return f"signed by {self.signer}, key {key}"
        return f"signed by nobody who is trusted here, key {key}"


def write_signature(folder: Path, key: PrivateKey) -> ModelSignature:
    """Sign the bundle in a folder, whose bytes must have been checked.

    Raises:
        BundleError: its manifest breaks the format.
        StorageError: the signature cannot be written.
    """
    data = (folder / layout.MANIFEST).read_bytes()
    manifest = encoding.decode(data)
    resources = [
        {"algorithm": "sha256", "digest": digest, "name": name}
        for name, digest in sorted(_signed(manifest, hashlib.sha256(data).hexdigest()).items())
    ]
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": manifest.recipe.name, "digest": {"sha256": _root(resources)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(IGNORED),
            },
            "resources": resources,
        },
    }
    write_bytes(folder / layout.SIGNATURE, seal(statement, key))
    return ModelSignature(key_id=key.public.id)


def check_signature(
    folder: Path, signers: Mapping[str, PublicKey], *, partial: bool = False
) -> ModelSignature | None:
    """Check the signature of a bundle against every byte that it covers; None where there is none.

    Args:
        signers: whom to know, by name.
        partial: files that are listed but absent (a pull of a single level) are no failure.

    Raises:
        SignatureError: it is no signature, covers other bytes or too few, or was not made by the
            owner of the key that it names.
        BundleError: there is no manifest, or it breaks the format.
    """
    envelope = read_signature(folder)
    if envelope is None:
        return None
    files = BundleFolder(folder)
    with files.open(layout.MANIFEST) as found:
        data = found.at(0, layout.MAX_MANIFEST_BYTES + 1)
    manifest = encoding.decode(data)
    names = {layout.MANIFEST, *manifest.files}
    if partial:
        names = {name for name in names if (folder / name).exists()}
    return covering(envelope, manifest, _digests_of(files, names), signers, partial=partial)


def read_signature(folder: Path) -> Envelope | None:
    """The signature in the folder of a bundle, not yet checked; None where there is none.

    Raises:
        SignatureError: the file is none, or too large for one.
    """
    path = folder / layout.SIGNATURE
    if not path.is_symlink() and not path.exists():
        return None
    try:
        with BundleFolder(folder).open(layout.SIGNATURE) as found:
            return read_envelope(found.at(0, layout.MAX_SIGNATURE_BYTES + 1), layout.SIGNATURE)
    except BundleError as error:
        raise SignatureError(error.problem, error.remedy) from error


def _digests_of(files: BundleFolder, names: AbstractSet[str]) -> dict[str, str]:
    """The sha256 of these files of a bundle as they are on disk.

    Raises:
        SignatureError: one is missing, or is no file.
    """
    found = {}
    for name in sorted(names):
        try:
            with files.open(name) as opened:
                found[name] = opened.digest()
        except BundleError as error:
            raise SignatureError(error.problem, _REMEDY) from error
    return found


def covering(
    envelope: Envelope,
    manifest: Manifest,
    digests: Mapping[str, str],
    signers: Mapping[str, PublicKey],
    *,
    partial: bool = False,
) -> ModelSignature:
    """Demand that a signature covers a bundle, and holds where its key is known.

    Args:
        digests: the sha256 of the bundle's files as they are, the manifest's among them.
        signers, partial: as in `check_signature`.

    Raises:
        SignatureError: as `check_signature`.
    """
    known = matching(signers, envelope.key_id)
    if known is not None:
        envelope.demand(known[1])
    # Also where the key is not known: that it covers these bytes can be said of any signature.
    stated = _resources(envelope.statement(PREDICATE))
    signed = _signed(manifest, digests[layout.MANIFEST])
    for name in sorted(signed.keys() - stated.keys()):
        raise SignatureError(f"{name} of the bundle is not signed.", _REMEDY)
    for name in sorted(stated.keys() - signed.keys() - {layout.CARD}):
        raise SignatureError(f"{name[:80]!r} was signed, and is not of the bundle.", _REMEDY)
    for name, digest in sorted(stated.items()):
        there = digests.get(name, signed.get(name) if partial else None)
        if there != digest or signed.get(name, digest) != digest:
            raise SignatureError(f"{name} is not the file that was signed.", _REMEDY)
    return ModelSignature(key_id=envelope.key_id, signer=known[0] if known else "")


def _signed(manifest: Manifest, own: str) -> dict[str, str]:
    """Name -> sha256 of what a signature must cover.

    Args:
        own: the sha256 of the manifest.
    """
    listed = {name: record.sha256 for name, record in manifest.files.items() if name != layout.CARD}
    return {layout.MANIFEST: own, **listed}


def _root(resources: list[dict[str, str]]) -> str:
    """The digest of the subject: over the raw digests of all files in their order."""
    return hashlib.sha256(b"".join(bytes.fromhex(each["digest"]) for each in resources)).hexdigest()


def _resources(statement: dict[str, Any]) -> dict[str, str]:
    """Name -> sha256 of what a statement of this format signs.

    Raises:
        SignatureError: a part is missing, or of another kind.
    """
    try:
        predicate = statement["predicate"]
        way = predicate["serialization"]
        resources = [
            {key: str(each[key]) for key in ("name", "algorithm", "digest")}
            for each in predicate["resources"]
        ]
        found = {each["name"]: each["digest"] for each in resources}
        (subject,) = statement["subject"]
        whole = len(found) == len(resources) and subject["digest"]["sha256"] == _root(resources)
        known = {way["method"], way["hash_type"], *(each["algorithm"] for each in resources)}
    except (KeyError, TypeError, ValueError) as error:
        raise SignatureError("What was signed is no list of files.", _REMEDY) from error
    if known - {"files", "sha256"}:
        raise SignatureError("It was signed in another way than file by file, by sha256.", _REMEDY)
    if not whole:
        raise SignatureError("What was signed contradicts itself.", _REMEDY)
    return found
