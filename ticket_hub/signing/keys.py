"""Keys in files: made, read, and found again by the id that signatures name.

A key is one of ECDSA on the curves P-256 (which `keygen` takes), P-384 and P-521, as PEM. These
are the ones of OpenSSF Model Signing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ticket_hub import home
from ticket_hub.durable import explaining, make_folder, open_durable
from ticket_hub.errors import SignatureError
from ticket_hub.project import install_extra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["PrivateKey", "PublicKey", "check_name", "find_key", "keygen", "own_keys"]

DEFAULT = "default"
"""The name of the key that signs where none is named."""
MAX_KEY_BYTES = 16 << 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_OTHER = "Give a PEM file with a key of ECDSA, such as `ticket keygen` makes."


class PublicKey:
    """What checks signatures.

    Attributes:
        pem: the key as PEM (SubjectPublicKeyInfo).
        id: the sha256 of `pem`, by which OpenSSF Model Signing names a key.
    """

    def __init__(self, pem: bytes, source: str = "The key") -> None:
        """Read a key.

        Raises:
            SignatureError: these bytes are none, or are of another kind of key.
        """
        modules = _cryptography()
        try:
            found = modules.serialization.load_pem_public_key(pem)
        except (ValueError, TypeError, modules.UnsupportedAlgorithm) as error:
            raise SignatureError(f"{source} is no public key as PEM.", _OTHER) from error
        known = isinstance(found, modules.ec.EllipticCurvePublicKey) and found.curve.name in {
            "secp256r1", "secp384r1", "secp521r1",
        }  # fmt: skip
        if not known:
            raise SignatureError(
                f"{source} is of another kind than ECDSA on P-256 to P-521.", _OTHER
            )
        self._key = found
        self.pem = _pem_of(self._key, modules)

    @cached_property
    def id(self) -> str:
        """See the class."""
        return hashlib.sha256(self.pem).hexdigest()

    def holds(self, data: bytes, signature: bytes) -> bool:
        """Whether the owner of the key has signed these bytes."""
        modules = _cryptography()
        try:
            self._key.verify(signature, data, _scheme(self._key, modules))
        except modules.InvalidSignature:
            return False
        return True


class PrivateKey:
    """What signs.

    Attributes:
        public: what checks its signatures.
    """

    def __init__(self, pem: bytes, source: str = "The key") -> None:
        """Read a key that no password protects.

        Raises:
            SignatureError: these bytes are none, or are of another kind of key.
        """
        modules = _cryptography()
        try:
            found = modules.serialization.load_pem_private_key(pem, None)
        except TypeError as error:
            raise SignatureError(
                f"{source} is protected by a password.", "Give one without, in a file of mode 0600."
            ) from error
        except (ValueError, modules.UnsupportedAlgorithm) as error:
            raise SignatureError(f"{source} is no private key as PEM.", _OTHER) from error
        if not isinstance(found, modules.ec.EllipticCurvePrivateKey):
            raise SignatureError(f"{source} is of another kind than ECDSA.", _OTHER)
        self._key = found
        self.public = PublicKey(_pem_of(found.public_key(), modules), source)

    def sign(self, data: bytes) -> bytes:
        """The signature of these bytes, as DER."""
        signature: bytes = self._key.sign(data, _scheme(self._key, _cryptography()))
        return signature


def keygen(name: str = DEFAULT) -> Path:
    """Make a key for this user: `NAME.pem`, which nobody else may read, and `NAME.pub`.

    Returns:
        The file of the public key, for those who shall check signatures.

    Raises:
        SignatureError: one has this name, and is never replaced; or it cannot be a name.
        StorageError: the files cannot be written.
    """
    check_name(name)
    folder = home.keys_folder()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    if private.exists() or public.exists():
        raise SignatureError(
            f"There is a key {name!r} already, in {folder}.",
            "What it has signed needs it: choose another name, or move its files away yourself.",
        )
    modules = _cryptography()
    key = modules.ec.generate_private_key(modules.ec.SECP256R1())
    form = modules.serialization
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    make_folder(folder)
    with explaining(folder):
        folder.chmod(0o700)
        # Never readable by others, not even for the moment before a change of mode.
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
    with open_durable(public) as stream:
        stream.write(_pem_of(key.public_key(), modules))
    return public


def find_key(text: str = "") -> PrivateKey:
    """A private key, by the name that `keygen` gave it or by its file.

    Args:
        text: empty for the key `default`, or else the only one there is.

    Raises:
        SignatureError: there is none, it cannot be read, or others can read it.
    """
    folder = home.keys_folder()
    if not text:
        names = sorted(path.stem for path in folder.glob("*.pem"))
        text = names[0] if len(names) == 1 else DEFAULT
    path = folder / f"{text}.pem" if _NAME.fullmatch(text) else None
    if path is None or not path.is_file():
        path = home.expanded(text)
    if not path.is_file():
        raise SignatureError(
            f"There is no key {text!r}: neither in {folder}, nor a file of that name.",
            "Make one with `ticket keygen`.",
        )
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise SignatureError(
            f"Others may read the private key in {path}.",
            f"Keep it to yourself: chmod 600 {path}",
        )
    return PrivateKey(read_key_file(path), str(path))


def own_keys() -> dict[str, PublicKey]:
    """The public keys of this user, by name."""
    return keys_in(home.keys_folder())


def keys_in(folder: Path) -> dict[str, PublicKey]:
    """The public keys in a folder, by the names of their files, `NAME.pub`.

    Raises:
        SignatureError: a file is none.
        StorageError: one cannot be read.
    """
    files = [path for path in sorted(folder.glob("*.pub")) if _NAME.fullmatch(path.stem)]
    return {path.stem: PublicKey(read_key_file(path), str(path)) for path in files}


def check_name(name: str) -> None:
    """Demand that a text can be the name of a key.

    Raises:
        SignatureError: it cannot.
    """
    if _NAME.fullmatch(name) is None:
        raise SignatureError(
            f"{name[:80]!r} cannot be the name of a key.",
            "Use letters, digits and . _ @ + -, at most 64, beginning with a letter or a digit.",
        )


def read_key_file(path: Path) -> bytes:
    """The bytes of a file that should hold a key.

    Raises:
        SignatureError: it is too large for one.
        StorageError: it cannot be read.
    """
    with explaining(path), path.open("rb") as stream:
        data = stream.read(MAX_KEY_BYTES + 1)
    if len(data) > MAX_KEY_BYTES:
        raise SignatureError(f"{path} is no key: it has more than 16 KiB.", _OTHER)
    return data


class _Modules:
    """What is used of `cryptography`, which only the extra `sign` installs."""

    def __init__(self) -> None:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self.hashes, self.serialization, self.ec = hashes, serialization, ec
        self.InvalidSignature, self.UnsupportedAlgorithm = InvalidSignature, UnsupportedAlgorithm


def _cryptography() -> _Modules:
    try:
        return _Modules()
    except ModuleNotFoundError as error:
        raise SignatureError(
            "Keys and signatures need the package cryptography, which is not installed.",
            f"Install it with `{install_extra('sign')}`.",
        ) from error


def _pem_of(key: ec.EllipticCurvePublicKey, modules: _Modules) -> bytes:
    form = modules.serialization
    return key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)


def _scheme(
    key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey, modules: _Modules
) -> ec.ECDSA:
    hashes = modules.hashes
    kinds = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    found: ec.ECDSA = modules.ec.ECDSA(kinds[key.curve.key_size])
    return found


def matching(keys: Mapping[str, PublicKey], key_id: str) -> tuple[str, PublicKey] | None:
    """The key that a signature names, with its name, if it is among these."""
    return next(((name, key) for name, key in keys.items() if key.id == key_id), None)
