"""Whose signatures this user believes: public keys under names that the user chose."""

from __future__ import annotations

from pathlib import Path

from ticket_hub import home
from ticket_hub.durable import explaining, write_bytes
from ticket_hub.errors import SignatureError
from ticket_hub.signing.keys import PublicKey, check_name, keys_in, own_keys, read_key_file

__all__ = ["find_signers", "known_keys", "remove_trusted", "trust_key", "trusted_keys"]


def trusted_keys() -> dict[str, PublicKey]:
    """The keys that this user trusts, by name.

    Raises:
        SignatureError: a file among them is no key.
    """
    return keys_in(home.trust_folder())


def known_keys() -> dict[str, PublicKey]:
    """The keys that this user trusts, and the user's own as `you (NAME)`."""
    return {f"you ({name})": key for name, key in own_keys().items()} | trusted_keys()


def trust_key(name: str, key: str | Path) -> PublicKey:
    """Trust a public key under a name from now on.

    Args:
        name: whose it is, as the user calls them.
        key: its file.

    Raises:
        SignatureError: it is no public key, or another one has this name.
        StorageError: it cannot be read or kept.
    """
    check_name(name)
    found = PublicKey(read_key_file(home.expanded(key)), str(key))
    present = trusted_keys().get(name)
    if present is not None and present.id != found.id:
        raise SignatureError(
            f"Another key is trusted as {name!r}: {present.id[:16]}, not {found.id[:16]}.",
            f"Ask {name} which is right. If the old one is no more, `ticket trust remove {name}`.",
        )
    write_bytes(home.trust_folder() / f"{name}.pub", found.pem)
    return found


def remove_trusted(name: str) -> None:
    """Trust the key of this name no longer.

    Raises:
        SignatureError: none has this name.
        StorageError: its file cannot be removed.
    """
    check_name(name)
    path = home.trust_folder() / f"{name}.pub"
    if not path.is_file():
        raise SignatureError(
            f"No trusted key is named {name!r}.", "`ticket trust list` shows those that are."
        )
    with explaining(path):
        path.unlink()


def find_signers(text: str) -> dict[str, PublicKey]:
    """The public key that a user names: a trusted or own one, or the file of one.

    Raises:
        SignatureError: there is no such key.
        StorageError: the file cannot be read.
    """
    known = own_keys() | trusted_keys()
    if text in known:
        return {text: known[text]}
    path = home.expanded(text)
    if not path.is_file():
        raise SignatureError(
            f"There is no key {text!r}: none is trusted under that name, and no file has it.",
            "`ticket trust list` shows the names; a file is given by its path.",
        )
    return {path.stem: PublicKey(read_key_file(path), text)}
