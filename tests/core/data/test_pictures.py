"""What is read of a picture is what a viewer shows, or it is refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ticket_hub.data.pictures import read_picture

Pixels = npt.NDArray[np.uint8]


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def read(image: Image.Image, form: str = "PNG", **options: object) -> Pixels:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return read_picture(io.BytesIO(stream.getvalue()), 0)[0].numpy()


def png(width: int, height: int, bits: int, kind: int, rows: bytes) -> io.BytesIO:
    """A PNG: kind 0 is grey, 2 colour, 4 grey with alpha, 6 colour with it."""
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        whole += struct.pack(">I", len(body)) + name + body
        whole += struct.pack(">I", zlib.crc32(name + body))
    return io.BytesIO(whole)


def test_ink_in_the_alpha_channel_stands_on_white() -> None:
    alpha = noise(8, 8)
    black = np.zeros_like(alpha)
    got = read(Image.fromarray(np.dstack([black, black, black, alpha])))
    assert np.abs(got.astype(int) - (255 - alpha.astype(int))).max() <= 1
    grey = read(Image.fromarray(np.dstack([black, alpha])))
    assert grey.shape == (1, 8, 8)
    assert (grey == got[:1]).all()


def test_an_alpha_channel_that_hides_nothing_changes_nothing() -> None:
    colours = noise(8, 8, 3)
    whole = np.dstack([colours, np.full((8, 8), 255, np.uint8)])
    assert (read(Image.fromarray(whole)) == colours.transpose(2, 0, 1)).all()


def test_a_transparent_colour_of_a_palette_and_of_a_plain_picture_is_white() -> None:
    drawing = (noise(8, 8) % 2).astype(np.uint8)
    image = Image.fromarray(drawing).convert("P")
    image.putpalette([0, 0, 0, 0, 0, 0])  # both colours are black, one of them transparent
    shown = np.where(drawing == 0, 255, 0)
    for form in ("PNG", "GIF"):
        assert (read(image, form, transparency=0) == shown).all()
    plain = Image.fromarray(drawing * 200)
    assert (read(plain, transparency=0) == np.where(drawing == 0, 255, 200)).all()


@pytest.mark.parametrize("ink", [255, 0])
def test_ink_that_cannot_be_seen_on_white_is_refused_and_no_other(ink: int) -> None:
    colours = np.full((8, 8, 3), ink, np.uint8)
    image = Image.fromarray(np.dstack([colours, noise(8, 8)]))
    if ink == 255:
        with pytest.raises(ValueError, match=r"drawn in white .*alpha"):
            read(image)
    else:
        assert read(image).std() > 0


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_of_a_png_are_refused_in_every_mode(kind: int, channels: int) -> None:
    row = np.random.default_rng(1).integers(0, 65536, 8 * channels).astype(">u2").tobytes()
    with pytest.raises(ValueError, match="more than 8 bits a channel"):
        read_picture(png(8, 8, 16, kind, 8 * (b"\0" + row)), 0)


@pytest.mark.parametrize("head", [b"P5 2 2 65535\n", b"P6 2 2 65535\n", b"P5 2 2 256\n"])
def test_sixteen_bits_of_a_pnm_are_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="more than 8 bits a channel"):
        read_picture(io.BytesIO(head + bytes(24)), 0)


def deep_tiff() -> bytes:
    """A TIFF in colour, 2x2 pixels, 16 bits a channel."""
    tags = [
        (256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 128), (277, 3, 1, 3), (278, 3, 1, 2), (279, 4, 1, 24),
    ]  # fmt: skip
    body = b"II*\0" + struct.pack("<IH", 8, len(tags))
    body += b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", 0)
    return body.ljust(122, b"\0") + struct.pack("<3H", 16, 16, 16) + bytes(range(24))


def test_sixteen_bits_of_a_tiff_are_refused() -> None:
    assert Image.open(io.BytesIO(deep_tiff())).mode == "RGB"  # so that the mode does not tell
    with pytest.raises(ValueError, match=r"more than 8 bits a channel \(16 bits"):
        read_picture(io.BytesIO(deep_tiff()), 0)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (2, lambda p: p[:, :, ::-1]),
        (3, lambda p: np.rot90(p, 2, (1, 2))),
        (4, lambda p: p[:, ::-1]),
        (5, lambda p: p.transpose(0, 2, 1)),
        (6, lambda p: np.rot90(p, -1, (1, 2))),
        (7, lambda p: np.rot90(p, 2, (1, 2)).transpose(0, 2, 1)),
        (8, lambda p: np.rot90(p, 1, (1, 2))),
    ],
)
def test_a_photograph_is_turned_as_it_says(form: str, orientation: int, turn: object) -> None:
    colours = noise(6, 8, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    got = read(Image.fromarray(colours), form, exif=exif, **options)
    assert callable(turn)
    assert (got == turn(colours.transpose(2, 0, 1))).all()


def test_damaged_exif_data_are_passed_over_as_viewers_do() -> None:
    colours = noise(6, 8, 3)
    got = read(Image.fromarray(colours), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert (got == colours.transpose(2, 0, 1)).all()


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_read_and_all_are_counted(form: str) -> None:
    frames = [Image.fromarray(noise(8, 8, seed=n)) for n in range(3)]
    stream = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    frames[0].save(stream, form, save_all=True, append_images=frames[1:], **options)
    got, count = read_picture(io.BytesIO(stream.getvalue()), 0)
    assert count == 3
    assert (got.numpy()[0] == np.array(frames[0])).all()


def test_a_jpeg_of_four_inks_becomes_red_green_and_blue() -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[:, :8, 1:3] = 255  # magenta and yellow make red, no ink is white
    stream = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(stream, "JPEG", quality=100, subsampling=0)
    got = read_picture(io.BytesIO(stream.getvalue()), 0)[0].numpy().astype(int)
    assert np.abs(got[:, :, 2] - np.array([[255], [0], [0]])).max() < 8
    assert np.abs(got[:, :, 13] - 255).max() < 8


@pytest.mark.parametrize("content", [b"", b"P6 2 2 255\n123", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_is_no_whole_picture_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"identify|truncated|EOF|not enough"):
        read_picture(io.BytesIO(content), 0)


def test_a_picture_damaged_anywhere_is_read_or_a_value_error(tmp_path: Path) -> None:
    kept = 0
    for form in ("PNG", "GIF", "TIFF", "WEBP", "JPEG", "BMP", "PPM"):
        stream = io.BytesIO()
        Image.fromarray(noise(8, 8, 3)).save(stream, form)
        whole = stream.getvalue()
        for place in range(0, len(whole), max(1, len(whole) // 24)):
            broken = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
            (tmp_path / "broken").write_bytes(broken)
            try:
                read_picture(tmp_path / "broken", 0)
                kept += 1
            except ValueError:
                continue
    assert kept


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    with pytest.raises(ValueError, match="pixels"):
        read_picture(png(10_000, 10_000, 1, 0, b""), 0)
