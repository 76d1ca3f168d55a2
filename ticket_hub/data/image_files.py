"""Which files of a folder are examples, and what is left out: every one is counted."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from ticket_hub.errors import DataError
from ticket_hub.system_files import is_system_file

__all__ = ["SUFFIXES", "ClassFiles", "LeftOut", "class_name", "entries", "find_images"]

ClassFiles: TypeAlias = dict[str, list[Path]]
"""The images of one part, by class."""

SUFFIXES = frozenset(
    {
        *(".apng", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
        *(".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    }
)
SHOWN = 3


class LeftOut:
    """Counts what is not read, by reason.

    Args:
        root: names are shown from here on.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths: dict[str, list[Path]] = {}

    def add(self, reason: str, path: Path) -> None:
        """Count one file, folder or link; the reason is a plural, such as `broken links`."""
        self._paths.setdefault(reason, []).append(path)

    def sentences(self) -> list[str]:
        """One for each reason: how many there are, and the names of some."""
        return [
            f"Left out of {self._root}: {reason}, {len(paths)} in all ({self._shown(paths)})."
            for reason, paths in sorted(self._paths.items())
        ]

    def _shown(self, paths: list[Path]) -> str:
        names = [str(os.path.relpath(path, self._root)) for path in paths[:SHOWN]]
        printable = [name.encode("utf-8", "backslashreplace").decode() for name in names]
        return ", ".join(printable) + (", ..." if len(paths) > SHOWN else "")


def find_images(root: Path, parts: Sequence[Path], left_out: LeftOut) -> list[ClassFiles]:
    """The images of every part by class, each once, in the order of their paths.

    A folder below that of a class belongs to the class. Links are followed, but not to what is
    read in its own place, nor to a folder that holds the data set. Folders that hold no image are
    no classes. Unicode forms of one name, and spaces at its ends, make no difference.

    Raises:
        DataError: a folder cannot be read, or the name of a class is not UTF-8.
    """
    walk = _Walk(root, left_out)
    found = [walk.part(part) for part in parts]
    walk.follow_links()
    for part, classes in zip(parts, found, strict=True):
        for name in [name for name, files in classes.items() if not files]:
            left_out.add("folders without images, which are no classes", part / name)
            del classes[name]
        for files in classes.values():
            files.sort()
    return found


def class_name(folder: str) -> str:
    """The name of a class, from that of its folder: in Unicode's form NFC, without outer spaces.

    Raises:
        DataError: it is not UTF-8, or nothing but spaces.
    """
    name = unicodedata.normalize("NFC", folder).strip()
    if not name or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise DataError(
            f"The folder {folder!r} names a class, and its name is not UTF-8, or empty.",
            "Rename the folder.",
        )
    return name


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read: {error.strerror}.", "Check its owner and permissions."
        ) from error


class _Walk:
    """Reads folders; links only when all that has a place of its own is known."""

    def __init__(self, root: Path, left_out: LeftOut) -> None:
        self._above = f"{os.path.realpath(root)}{os.sep}"
        self._left_out = left_out
        self._read: set[str] = set()
        self._links: list[tuple[Path, list[Path]]] = []

    def part(self, folder: Path) -> ClassFiles:
        """The classes of one part; images that links lead to are added by `follow_links`."""
        classes: ClassFiles = {}
        for entry in entries(folder):
            path = folder / entry.name
            if _is_passed_over(entry.name):
                self._left_out.add("files and folders of systems and tools", path)
            elif entry.is_dir():
                files = classes.setdefault(class_name(entry.name), [])
                if entry.is_symlink():
                    self._links.append((path, files))
                else:
                    self._enter(path, files)
            else:
                self._left_out.add("files outside the folder of a class", path)
        return classes

    def follow_links(self) -> None:
        """Read what links lead to, unless it is read already, or would lead back."""
        for link, files in self._links:  # which grows meanwhile
            target = os.path.realpath(link)
            is_back = target in self._read or self._above.startswith(f"{target}{os.sep}")
            if is_back:
                self._left_out.add("links that lead back to what is read already", link)
            elif link.is_dir():
                self._enter(link, files)
            elif link.is_file():
                self._file(link, target, files)
            else:
                self._left_out.add("links that lead nowhere", link)

    def _enter(self, folder: Path, files: list[Path]) -> None:
        real = os.path.realpath(folder)
        if real in self._read:
            self._left_out.add("folders that are read in another place", folder)
            return
        self._read.add(real)
        for entry in entries(folder):
            path = folder / entry.name
            if _is_passed_over(entry.name):
                self._left_out.add("files and folders of systems and tools", path)
            elif entry.is_symlink():
                self._links.append((path, files))
            elif entry.is_dir():
                self._enter(path, files)
            elif entry.is_file():
                self._file(path, f"{real}{os.sep}{entry.name}", files)
            else:
                self._left_out.add("things that are no files", path)

    def _file(self, path: Path, real: str, files: list[Path]) -> None:
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            self._read.add(real)
            files.append(path)
        elif suffix:
            self._left_out.add(f"files that end in {suffix}", path)
        else:
            self._left_out.add("files without an ending", path)


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or is_system_file(name)
