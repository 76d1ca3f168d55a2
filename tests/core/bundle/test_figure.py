"""The figure of the card: part of a bundle or not, and never more than lines and shapes."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.bundle_forging import forge_file, refused
from ticket_hub.bundle import (
    BundleContent,
    amend_bundle,
    content_of,
    open_bundle,
    verify_bundle,
    write_bundle,
)
from ticket_hub.bundle.figure import check
from ticket_hub.errors import BundleFormatError

HEAD = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
PATH = b'<path id="a" d="M 0 0 L 1 1" fill="#ffffff" transform="translate(1 2) scale(0.1 -0.1)"/>'
FIGURE = HEAD + b'<g clip-path="url(#c)">' + PATH + b'<use xlink:href="#a" x="1"/></g></svg>'
HOSTILE = {
    "script": b"<script>alert(1)</script>",
    "handler": b'<path onload="alert(1)"/>',
    "link": b'<a xlink:href="http://example.org"><path/></a>',
    "image": b'<image xlink:href="http://example.org/x.png"/>',
    "foreign": b'<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>',
    "animation": b'<path><set attributeName="href" to="javascript:alert(1)"/></path>',
    "style": b"<style>*{fill:url(http://example.org)}</style>",
    "style attribute": b'<path style="fill:url(http://example.org)"/>',
    "remote fill": b'<path fill="url(http://example.org/x#a)"/>',
    "relative fill": b'<path fill="url(other.svg#a)"/>',
    "upper case": b'<path fill="URL(other.svg)"/>',
    "remote use": b'<use xlink:href="http://example.org/x.svg#a"/>',
    "relative use": b'<use xlink:href="other.svg#a"/>',
    "plain href": b'<use href="other.svg"/>',
    "copied group": b'<g id="g"><path/></g><use xlink:href="#g"/>',
    "two of a name": b'<g id="b"/><path id="b" d=""/><use xlink:href="#b"/>',
    "copied nothing": b'<use xlink:href="#nothing"/>',
    "text": b"<g>words</g>",
    "comment": b"<!-- words -->",
    "entity": b"<g>&#60;</g>",
    "cdata": b"<![CDATA[<script/>]]>",
    "instruction": b'<?xml-stylesheet href="http://example.org"?>',
    "inner svg": b"<svg/>",
    "namespace": b'<x:script xmlns:x="http://www.w3.org/2000/svg"/>',
    "other namespace": b'<g xmlns="http://www.w3.org/1999/xhtml"/>',
    "depth": b"<g>" * 64 + b"</g>" * 64,
    "not closed": b"<g>",
}


@pytest.fixture
def illustrated(content: BundleContent) -> BundleContent:
    return dataclasses.replace(content, figure=FIGURE)


def test_a_figure_comes_back_and_is_shown_on_the_card(
    tmp_path: Path, illustrated: BundleContent
) -> None:
    write_bundle(tmp_path, illustrated)
    assert open_bundle(tmp_path).figure() == FIGURE
    assert verify_bundle(tmp_path).holds
    card = (tmp_path / "README.md").read_text("utf-8")
    assert "![Test accuracy and the iteration of the early stop, against the weights" in card
    assert "](ladder.svg)\n" in card


def test_a_bundle_without_a_figure_loads_and_its_card_shows_none(bundle: Path) -> None:
    assert open_bundle(bundle).figure() is None
    assert "ladder.svg" not in (bundle / "README.md").read_text("utf-8")
    assert verify_bundle(bundle).holds


def test_a_figure_changes_neither_ids_nor_the_files_of_tickets(
    bundle: Path, tmp_path: Path, illustrated: BundleContent
) -> None:
    before = open_bundle(bundle).manifest
    tensors = {path: path.stat().st_mtime_ns for path in bundle.rglob("*.safetensors")}
    amended = amend_bundle(bundle, figure=FIGURE)
    assert amended.id == before.id
    assert amended.levels == before.levels
    assert tensors == {path: path.stat().st_mtime_ns for path in tensors}
    changed = {name for name, each in amended.files.items() if before.files.get(name) != each}
    assert changed == {"README.md", "ladder.svg"}
    assert amended == write_bundle(tmp_path / "at once", illustrated)


def test_content_of_a_bundle_has_its_figure_and_other_levels_have_not(
    tmp_path: Path, illustrated: BundleContent
) -> None:
    first = write_bundle(tmp_path / "a", illustrated)
    content = content_of(open_bundle(tmp_path / "a"))
    assert write_bundle(tmp_path / "b", content) == first
    write_bundle(tmp_path / "b", content.only(0, 1))
    assert not (tmp_path / "b/ladder.svg").exists()
    assert verify_bundle(tmp_path / "b").holds


def test_a_readme_of_the_users_stays_when_a_figure_comes(bundle: Path) -> None:
    (bundle / "README.md").write_text("My own words.\n", "utf-8")
    amend_bundle(bundle, figure=FIGURE)
    assert (bundle / "README.md").read_text("utf-8") == "My own words.\n"
    assert verify_bundle(bundle).holds


def test_lines_and_shapes_are_taken() -> None:
    check(FIGURE)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_figure_that_could_act_is_refused_by_reader_and_writer(bundle: Path, kind: str) -> None:
    data = HEAD + HOSTILE[kind] + b"</svg>"
    with pytest.raises(BundleFormatError, match=r"ladder\.svg"):
        amend_bundle(bundle, figure=data)
    assert verify_bundle(bundle).holds
    with refused(bundle):
        forge_file(bundle, "ladder.svg", data)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe<svg/>", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', b"<g/>"]
)
def test_what_is_no_svg_is_refused(data: bytes) -> None:
    with pytest.raises(BundleFormatError):
        check(data)


def test_a_figure_that_is_too_large_is_refused(bundle: Path) -> None:
    large = HEAD + b" " * (256 << 10) + b"</svg>"
    with pytest.raises(BundleFormatError, match="256 KiB"):
        check(large)
    with refused(bundle):
        forge_file(bundle, "ladder.svg", large)


@given(st.integers(0, len(FIGURE) - 1), st.binary(max_size=3))
def test_an_altered_figure_is_taken_or_refused_and_nothing_else(place: int, data: bytes) -> None:
    with contextlib.suppress(BundleFormatError):
        check(FIGURE[:place] + data + FIGURE[place + 1 :])
