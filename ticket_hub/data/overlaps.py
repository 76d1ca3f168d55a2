"""Images that are the same, pixel for pixel, in two parts or under two classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ticket_hub.data.dataset import Part

__all__ = ["overlaps"]

TITLES = {2: ("training", "test"), 3: ("training", "validation", "test")}


def overlaps(parts: Sequence[Part], names: Sequence[Sequence[str]]) -> list[str]:
    """What is to be known of images that occur more than once, as sentences.

    Args:
        parts: training and test, or training, validation and test.
        names: of the images of each part.
    """
    titles = TITLES[len(parts)]
    places: dict[bytes, list[tuple[int, int, str]]] = {}
    for number, (part, shown) in enumerate(zip(parts, names, strict=True)):
        for image, label, name in zip(part.inputs, part.labels.tolist(), shown, strict=True):
            digest = hashlib.blake2b(image.contiguous().numpy().data, digest_size=16).digest()
            places.setdefault(digest, []).append((number, label, name))
    shared: dict[str, list[list[tuple[int, int, str]]]] = {}
    for found in places.values():
        held = sorted({number for number, _, _ in found})
        if len(held) > 1:
            which = " and the ".join(titles[number] for number in held)
            shared.setdefault(f"in the {which} part", []).append(found)
        elif len(found) > 1:
            which = titles[held[0]]
            shared.setdefault(f"in the {which} part more than once", []).append(found)
        if len({label for _, label, _ in found}) > 1:
            shared.setdefault("under two classes", []).append(found)
    return [
        f"The same image {where}, pixel for pixel: {len(same)} in all (such as {same[0][0][2]} and "
        f"{same[0][-1][2]})."
        for where, same in sorted(shared.items())
    ]
