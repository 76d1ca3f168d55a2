"""Colours survive printing and every kind of vision, and lines differ in more than colour."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from jaxtyping import Float64

from ticket_hub.report import style
from ticket_hub.transfer import CONTROLS

# Machado, Oliveira & Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1.0, over linear RGB.
VISION = {
    "full": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
COLORS = [
    style.INK,
    style.BLUE,
    style.VERMILLION,
    style.GREEN,
    style.PURPLE,
    style.ORANGE,
    style.SKY,
]
PALETTES = {"light": COLORS, "dark": [style._ON_DARK[color] for color in COLORS]}
GROUNDS = {"light": style.PAPER, "dark": "#161616"}


def _linear(color: str) -> Float64[np.ndarray, " 3"]:
    """sRGB as linear light."""
    values = np.array([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _lab(light: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, " 3"]:
    """CIELAB (1976) of linear light."""
    share = TO_XYZ @ np.clip(light, 0, 1) / WHITE
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _luminance(color: str) -> float:
    return float(TO_XYZ[1] @ _linear(color))


@pytest.mark.parametrize("theme", PALETTES)
@pytest.mark.parametrize("vision", VISION)
def test_all_colors_are_told_apart_with_every_kind_of_vision(theme: str, vision: str) -> None:
    seen = [_lab(np.array(VISION[vision]) @ _linear(color)) for color in PALETTES[theme]]
    nearest = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))
    assert nearest > 10  # 2.3 is a just noticeable difference


@pytest.mark.parametrize("theme", PALETTES)
def test_every_color_stands_out_from_its_ground(theme: str) -> None:
    ground = _luminance(GROUNDS[theme])
    for color in PALETTES[theme]:
        low, high = sorted([ground, _luminance(color)])
        assert (high + 0.05) / (low + 0.05) > 2.2


def _looks() -> dict[str, list[style.Look]]:
    fixed = [style.look(name, 0) for name in ("ticket", *CONTROLS)]
    return {"networks": fixed, "runs": [style.look("run", place) for place in range(14)]}


@pytest.mark.parametrize("kind", ["networks", "runs"])
def test_lines_are_told_apart_when_printed_without_color(kind: str) -> None:
    for one, other in itertools.combinations(_looks()[kind], 2):
        lightness = [_lab(_linear(each.color))[0] for each in (one, other)]
        apart = one.marker != other.marker or one.line != other.line
        assert apart or abs(lightness[0] - lightness[1]) > 20


def test_every_control_has_a_look_of_its_own() -> None:
    looks = _looks()["networks"]
    assert len(set(looks)) == len(looks)
    for one, other in itertools.combinations(looks, 2):
        assert one.color != other.color or (one.marker, one.line) != (other.marker, other.line)
    drawn = {style.look(name, place) for place in range(7) for name in ("ticket", *CONTROLS)}
    assert drawn == set(looks)
