"""The figure of the card, `ladder.svg`: lines and shapes, and nothing that could act.

A browser that opens an SVG runs its scripts, fetches what it links, and expands nested copies
without bound. So only a small closed part of SVG is taken: groups, paths, rectangles, clips, and
copies of single paths. There is no text, no style sheet, no entity, no comment, and no address
but those of paths and clips in the same file.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from ticket_hub.bundle import layout
from ticket_hub.errors import BundleFormatError

__all__ = ["NAMESPACES", "check"]

MAX_DEPTH = 32
NAMESPACES = {
    "xmlns": "http://www.w3.org/2000/svg",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
}

ELEMENTS = frozenset({"svg", "defs", "g", "path", "use", "clipPath", "rect"})
ATTRIBUTES = frozenset(
    {
        *("id", "d", "x", "y", "width", "height", "viewBox", "version", "transform", "clip-path"),
        *("fill", "fill-opacity", "fill-rule", "opacity", "stroke", "stroke-width"),
        *("stroke-opacity", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"),
        *("stroke-dasharray", "stroke-dashoffset", "xlink:href"),
    }
)
_NAME = r"[A-Za-z0-9_.-]{1,100}"
_LINK = re.compile(rf"#({_NAME})")
_CLIP = re.compile(rf"url\(#{_NAME}\)")
_PLAIN = re.compile(r"[A-Za-z0-9#_.,() \n+-]*")
_DECLARED = re.compile(rb"<[!?]|&")


def check(data: bytes) -> None:
    """Refuse an SVG that could do anything but be looked at.

    Raises:
        BundleFormatError: another element, attribute or value than those of lines and shapes, or
            more than 256 KiB.
    """
    if len(data) > layout.MAX_BYTES[layout.FIGURE]:
        raise _refused("it has more than 256 KiB")
    if _DECLARED.search(data):
        raise _refused("it declares or refers to something")
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)  # noqa: FBT003 - expat takes it by place
    except expat.ExpatError as error:
        raise _refused(f"it is not well-formed: {error}") from error
    if not reader.copied <= reader.paths:
        raise _refused("it copies more than single paths")


class _Reader:
    """Judges an SVG element by element."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.depth = 0
        self.names: set[str] = set()
        self.paths: set[str] = set()
        self.copied: set[str] = set()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if name not in ELEMENTS or (name == "svg") != (self.depth == 1):
            raise _refused(f"it has an element {name[:40]!r} where none may be")
        if self.depth > MAX_DEPTH:
            raise _refused("it nests too deep")
        for key, value in attributes.items():
            if not _is_harmless(key, value):
                raise _refused(f"it has an attribute {key[:40]!r} that may not be, or not so")
        self._take_name(attributes.get("id"), is_path=name == "path")
        link = _LINK.fullmatch(attributes.get("xlink:href", ""))
        if name == "use" and link is not None:
            self.copied.add(link[1])

    def _take_name(self, name: str | None, *, is_path: bool) -> None:
        """A name stands once, or what is taken for a copy of a path could be one of a group."""
        if name in self.names:
            raise _refused("a name stands twice")
        if name is not None:
            self.names.add(name)
            self.paths |= {name} if is_path else set()

    def _end(self, _name: str) -> None:
        self.depth -= 1

    def _text(self, text: str) -> None:
        if text.strip():
            raise _refused("it has text")


def _is_harmless(key: str, value: str) -> bool:
    if key in NAMESPACES:
        return value == NAMESPACES[key]
    if key not in ATTRIBUTES or not _PLAIN.fullmatch(value):
        return False
    if key == "xlink:href":
        return _LINK.fullmatch(value) is not None
    return "url" not in value.lower() or (key == "clip-path" and _CLIP.fullmatch(value) is not None)


def _refused(reason: str) -> BundleFormatError:
    return BundleFormatError(
        f"{layout.FIGURE} is not the figure of a bundle: {reason}.",
        "Fetch the bundle again, or ask its author to write it again.",
    )
