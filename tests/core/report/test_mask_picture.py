"""The picture of a mask on a page: as large as was said, first layers as images, others strips."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from ticket_hub.report.mask_picture import mask_picture
from ticket_hub.report.mask_size import Image, picture_size

MASKS: list[tuple[Image, dict[str, tuple[int, ...]], int]] = [
    ((1, 28, 28), {"fc1": (30, 784), "fc2": (10, 30)}, 1),
    ((3, 32, 32), {"conv": (16, 3, 3, 3), "1x1": (32, 16, 1, 1), "out": (10, 32)}, 1),
    ((1, 1, 30), {"in": (8, 30), "out": (2, 8)}, 0),
    ((3, 32, 32), {f"layer.{n}": (4, 4) for n in range(40)}, 0),
]


@pytest.mark.parametrize(("image", "shapes", "images"), MASKS)
@pytest.mark.parametrize("width", [864, 442])
def test_a_picture_has_the_size_that_was_said_before_and_names_every_layer_drawn(
    image: Image, shapes: dict[str, tuple[int, ...]], images: int, width: int
) -> None:
    draws = np.random.default_rng(0)
    mask = {name: draws.random(shape) < 0.1 for name, shape in shapes.items()}
    root = ET.fromstring(mask_picture(mask, image, width))
    size = picture_size(list(shapes.items()), image, width)
    assert (int(root.attrib["width"]), int(root.attrib["height"])) == size
    words = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len(words) == min(len(shapes), 24 + images) + (len(shapes) > 24 + images)
    first = next(iter(shapes))
    assert words[0].startswith(f"{first}, ")
    assert words[0].endswith(f"{100 * mask[first].mean():.3g}% kept")


def test_what_keeps_nothing_has_no_shade_and_names_are_no_markup() -> None:
    mask = {"<b>&": np.zeros((4, 9), bool)}
    root = ET.fromstring(mask_picture(mask, (1, 1, 9), 442))
    assert not list(root.iter("{http://www.w3.org/2000/svg}path"))
    assert "<b>&, 4\N{MULTIPLICATION SIGN}9: 0% kept" in "".join(root.itertext())
