"""Refusals of sources: each says what a file is, and what its owner can do about it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from ticket_hub.bundle.stand_in import stand_in
from ticket_hub.errors import ImportRefusedError

__all__ = [
    "CUT_OFF",
    "SAVE_ALONE",
    "not_plain",
    "not_safetensors",
    "refusal",
    "refuse_other_kinds",
    "refuse_stand_in",
]

SAVE_ALONE = "`torch.save(module.state_dict(), FILE)`"
"""What to write instead of a whole module."""
CUT_OFF = "Fetch it again, or copy it again: its end is missing."
"""The remedy for a file that ends too early."""
_MAX_LENGTH = 160

_OTHERS = (
    (b"\x1f\x8b", "compressed by gzip", "Unpack it first: `gunzip FILE`."),
    (b"BZh", "compressed by bzip2", "Unpack it first: `bunzip2 FILE`."),
    (b"\xfd7zXZ\x00", "compressed by xz", "Unpack it first: `unxz FILE`."),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "Unpack it first: `unzstd FILE`."),
    (b"\x89HDF", "an HDF5 file, as Keras writes", "Save its arrays by name with `torch.save`."),
    (b"\x93NUMPY", "one numpy array", "Save tensors by the names of their parameters."),
    (b"GGUF", "a GGUF file of a language model", "Import the weights that it was made of."),
)
"""How other kinds of files begin: start, what that is, and what to do."""


def refusal(problem: str, remedy: str = "") -> ImportRefusedError:
    """The refusal of a source."""
    return ImportRefusedError(
        problem, remedy or "`docs/import-export.md` says what can be imported, and what it needs."
    )


def refuse_stand_in(path: Path, head: bytes) -> None:
    """Refuse a pointer, a page, or an empty file.

    Raises:
        ImportRefusedError: it is one.
    """
    found = stand_in(head)
    if found is not None:
        raise refusal(f"{path.name} is {found.what}.", found.remedy)


def refuse_other_kinds(path: Path, head: bytes) -> None:
    """Refuse what is no file of tensors at all, and say what it is.

    Args:
        head: its first `stand_in.HEAD_BYTES` bytes.

    Raises:
        ImportRefusedError: it is a pointer, a page, text, compressed, or another program's.
    """
    refuse_stand_in(path, head)
    for start, what, remedy in _OTHERS:
        if head.startswith(start):
            raise refusal(f"{path.name} is {what}.", remedy)
    if head.startswith(b"PK\x03\x04"):
        _refuse_other_archives(path)
    elif head.isascii() and (text := " ".join(head.decode().split())).isprintable():
        raise refusal(
            f"{path.name} is text that begins with {text[:40]!r}, and holds no tensors.",
            "Name the file of the weights themselves; a server may have sent an error instead.",
        )


def _has_its_end(path: Path) -> bool:
    """Whether a zip archive ends as one does."""
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # it ends as one of several disks does, which none of ours is
        return True


def _refuse_other_archives(path: Path) -> None:
    """Refuse a zip archive that `torch.save` did not write, or whose end is missing."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as error:  # a hostile file may make the reader raise anything
        if _has_its_end(path):
            return  # whole but damaged: its reader says where
        size = path.stat().st_size
        raise refusal(
            f"{path.name} is cut off: it begins as `torch.save` writes, and its end is not among "
            f"its {size:,} bytes.",
            CUT_OFF,
        ) from error
    if any(name.endswith(".npy") for name in names):
        raise refusal(
            f"{path.name} is an archive of numpy arrays.",
            "Save them by name: `torch.save({name: torch.from_numpy(array), ...}, FILE)`.",
        )
    if any("/code/" in name or name.endswith("constants.pkl") for name in names):
        raise refusal(
            f"{path.name} is a program of TorchScript, which holds code beside its weights.",
            f"Where you trust it, open it with `torch.jit.load`; then {SAVE_ALONE}.",
        )
    if not any(name.endswith("data.pkl") for name in names):
        raise refusal(
            f"{path.name} is a zip archive that `torch.save` did not write.",
            "Unpack it, and name the file of the weights in it.",
        )


def not_plain(path: Path, error: Exception) -> ImportRefusedError:
    """The refusal of what `torch.load` could not read, by what it says of it."""
    text = " ".join(str(error).split())
    code = re.search(r"GLOBAL (\S+)", text)
    halved = code is not None and code[1].endswith(".")  # the name is cut, and the file with it
    if not halved and (code or "nsupported" in text):
        what = (
            f"asks for {code[1][:_MAX_LENGTH]} to be called" if code else "asks for code to be run"
        )
        return refusal(
            f"{path.name} is not a file of plain tensors: it {what}, as a module does that was "
            "saved whole. Nothing in it was executed.",
            f"Where you trust it, load it there, and save its tensors alone: {SAVE_ALONE}.",
        )
    if halved or isinstance(error, EOFError) or "truncated" in text or "unexpected EOF" in text:
        return refusal(f"{path.name} is cut off: {text[:_MAX_LENGTH].rstrip('.')}.", CUT_OFF)
    reason = text[:_MAX_LENGTH].rstrip(".") or type(error).__name__
    return refusal(
        f"{path.name} is not a file of plain tensors: {reason}. Nothing in it was executed."
    )


def not_safetensors(path: Path, error: Exception) -> ImportRefusedError:
    """The refusal of a file that breaks the format of safetensors."""
    reason = str(error).splitlines()[0][:_MAX_LENGTH] if str(error) else type(error).__name__
    return refusal(f"{path.name} is not a safetensors file: {reason.rstrip('.')}.")
