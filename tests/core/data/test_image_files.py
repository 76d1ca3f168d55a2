"""Which files of a folder become examples; whatever is left out is counted and said."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ticket_hub.data import DataSet, load
from ticket_hub.errors import DataError
from ticket_hub.recipe import DataSpec

CAFE = "caf\u00e9"


def draw(path: Path, seed: int, form: str | None = None) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    Image.fromarray(values).save(path, form)
    return values.tobytes()


def tree(root: Path, *parts: str, names: Sequence[str] = "ab", count: int = 5) -> dict[bytes, str]:
    """Different images in the classes of each part: pixels -> class."""
    made: dict[bytes, str] = {}
    for part in parts or ("",):
        for name in names:
            for number in range(count):
                made[draw(root / part / name / f"{number}.png", len(made))] = name
    return made


def read(root: Path) -> DataSet:
    return load(DataSpec(name=f"folder:{root}", validation=2), fetch=None, notify=lambda _: None)


def labelled(data: DataSet) -> list[tuple[bytes, str]]:
    return sorted(
        (image.numpy().tobytes(), data.class_names[label])
        for part in (data.train, data.validation, data.test)
        for image, label in zip(part.inputs, part.labels.tolist(), strict=True)
    )


@pytest.mark.parametrize("target", ["..", "../b", "../../outside", "../a", "../.."])
def test_links_never_repeat_an_image_nor_bring_it_under_another_class(
    tmp_path: Path, target: str
) -> None:
    root = tmp_path / "pictures"
    made = tree(root)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/back").symlink_to(root)
    (root / "a/loop").symlink_to(target)
    data = read(root)
    assert labelled(data) == sorted(made.items())
    assert any("links that lead back" in note for note in data.notes)


def test_links_to_what_lies_elsewhere_are_followed_once(tmp_path: Path) -> None:
    made = tree(tmp_path / "store", names="xy")
    for part, numbers in (("train", range(4)), ("test", range(4, 5))):
        for name, place in (("a", "x"), ("b", "y")):
            (tmp_path / "set" / part / name).mkdir(parents=True)
            for number in numbers:
                link = tmp_path / "set" / part / name / f"{number}.png"
                link.symlink_to(tmp_path / "store" / place / f"{number}.png")
    renamed = {pixels: {"x": "a", "y": "b"}[name] for pixels, name in made.items()}
    data = read(tmp_path / "set")
    assert (labelled(data), data.notes) == (sorted(renamed.items()), ())
    (tmp_path / "set/train/a/again.png").symlink_to(tmp_path / "store/x/0.png")
    (tmp_path / "set/train/b/gone.png").symlink_to("nowhere.png")
    again = read(tmp_path / "set")
    assert again.fingerprint == data.fingerprint
    assert [note.partition(": ")[2] for note in again.notes] == [
        "links that lead back to what is read already, 1 in all (train/a/again.png).",
        "links that lead nowhere, 1 in all (train/b/gone.png).",
    ]


def test_a_class_may_be_a_link_to_a_folder(tmp_path: Path) -> None:
    made = tree(tmp_path / "set")
    (tmp_path / "set/b").rename(tmp_path / "elsewhere")
    (tmp_path / "set/b").symlink_to(tmp_path / "elsewhere")
    data = read(tmp_path / "set")
    assert (labelled(data), data.notes) == (sorted(made.items()), ())


@pytest.mark.parametrize(
    "name",
    ["__MACOSX", "@eaDir", ".ipynb_checkpoints", "#recycle", "$RECYCLE.BIN", "lost+found", ".git",
     "System Volume Information", "__pycache__", ".thumbnails"],
)  # fmt: skip
def test_folders_of_systems_and_tools_are_neither_classes_nor_entered(
    tmp_path: Path, name: str
) -> None:
    made = tree(tmp_path)
    draw(tmp_path / name / "a/0.png", 100)
    draw(tmp_path / "a" / name / "0.png/thumb.png", 101)
    data = read(tmp_path)
    assert labelled(data) == sorted(made.items())
    assert any(name in note and "of systems and tools, 2 in all" in note for note in data.notes)


def test_every_file_that_is_left_out_is_counted_by_its_ending(tmp_path: Path) -> None:
    made = tree(tmp_path)
    for number in range(4):
        (tmp_path / f"a/{number}.HEIC").write_bytes(b"x")
    (tmp_path / "b/labels.csv").write_text("x")
    (tmp_path / "b/0").write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("x")
    (tmp_path / "b/.DS_Store").write_bytes(b"x")
    os.mkfifo(tmp_path / "b/pipe.png")  # which would be waited for without end
    (tmp_path / "empty").mkdir()
    data = read(tmp_path)
    assert labelled(data) == sorted(made.items())
    assert [note.removeprefix(f"Left out of {tmp_path}: ") for note in data.notes] == [
        "files and folders of systems and tools, 1 in all (b/.DS_Store).",
        "files outside the folder of a class, 1 in all (readme.txt).",
        "files that end in .csv, 1 in all (b/labels.csv).",
        "files that end in .heic, 4 in all (a/0.HEIC, a/1.HEIC, a/2.HEIC, ...).",
        "files without an ending, 1 in all (b/0).",
        "folders without images, which are no classes, 1 in all (empty).",
        "things that are no files, 1 in all (b/pipe.png).",
    ]


@pytest.mark.parametrize(
    ("suffix", "form"), [(".jfif", "JPEG"), (".JPE", "JPEG"), (".gif", "GIF"), (".dib", "BMP")]
)
def test_other_endings_of_what_can_be_decoded_are_read(
    tmp_path: Path, suffix: str, form: str
) -> None:
    tree(tmp_path)
    draw(tmp_path / f"a/more{suffix}", 50, form)
    data = read(tmp_path)
    assert len(labelled(data)) == 11
    assert data.notes == ()


def test_a_clean_folder_has_no_notes_and_its_notes_are_told_to_whom_it_may_concern(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree(tmp_path)
    spec = DataSpec(name=f"folder:{tmp_path}", validation=2)
    assert load(spec, fetch=None).notes == ()
    assert caplog.messages == []
    (tmp_path / "a/notes.txt").write_text("x")
    told: list[str] = []
    data = load(spec, fetch=None, notify=told.append)
    assert told == list(data.notes)
    assert caplog.messages == []
    load(spec, fetch=None)
    assert caplog.messages == told


@pytest.mark.parametrize(
    "names", [("Train", "Test"), ("TRAIN", "VAL"), ("training", "testing"), ("Training", "Valid")]
)
def test_parts_are_known_in_capitals_and_by_their_other_names(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    made = tree(tmp_path, *names)
    data = read(tmp_path)
    assert data.class_names == ("a", "b")
    assert len(data.test) == 10
    assert labelled(data) == sorted(made.items())


def test_what_looks_like_parts_is_never_taken_for_classes(tmp_path: Path) -> None:
    tree(tmp_path, "train_images", "test_images")
    with pytest.raises(DataError, match=r"'test_images'.*looks like a part.*train, val and test"):
        read(tmp_path)


def test_classes_may_be_named_like_parts(tmp_path: Path) -> None:
    for number, name in enumerate(("trainer", "valley", "test tube")):
        for image in range(5):
            draw(tmp_path / name / f"{image}.png", 10 * number + image)
    assert read(tmp_path).class_names == ("test tube", "trainer", "valley")


def test_a_part_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "train", "val", "valid")
    with pytest.raises(DataError, match="both 'val' and 'valid'"):
        read(tmp_path)


def test_folders_beside_the_parts_are_told(tmp_path: Path) -> None:
    tree(tmp_path, "train", "test", "extra")
    data = read(tmp_path)
    assert len(labelled(data)) == 20
    assert any("beside those of the parts, 1 in all (extra)" in note for note in data.notes)


@pytest.mark.parametrize("change", [lambda n: unicodedata.normalize("NFD", n), lambda n: f"{n} "])
def test_two_spellings_that_look_alike_are_one_class(
    tmp_path: Path, change: Callable[[str], str]
) -> None:
    tree(tmp_path, "train", "test")
    (tmp_path / "train/a").rename(tmp_path / "train" / CAFE)
    (tmp_path / "test/a").rename(tmp_path / "test" / change(CAFE))
    data = read(tmp_path)
    assert data.class_names == ("b", CAFE)
    assert data.test.labels.tolist() == [0] * 5 + [1] * 5


def test_two_forms_of_a_name_in_one_folder_are_one_class(tmp_path: Path) -> None:
    tree(tmp_path, names=["b", CAFE, unicodedata.normalize("NFD", CAFE)])
    data = read(tmp_path)
    assert data.class_names == ("b", CAFE)
    assert len(labelled(data)) == 15


def test_a_class_whose_name_is_not_utf8_is_refused_by_name(tmp_path: Path) -> None:
    tree(tmp_path)
    (tmp_path / "a").rename(tmp_path / os.fsdecode(b"caf\xe9"))
    with pytest.raises(DataError, match="not UTF-8"):
        read(tmp_path)


def test_a_file_whose_name_is_not_utf8_is_an_example_like_others(tmp_path: Path) -> None:
    made = tree(tmp_path)
    (tmp_path / "a/0.png").rename(tmp_path / "a" / os.fsdecode(b"caf\xe9.png"))
    (tmp_path / "b" / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    data = read(tmp_path)
    assert labelled(data) == sorted(made.items())
    for note in data.notes:
        note.encode()


def test_classes_that_differ_in_capitals_between_parts_are_told_apart(tmp_path: Path) -> None:
    tree(tmp_path, "train", "test")
    (tmp_path / "test/a").rename(tmp_path / "test/A")
    with pytest.raises(DataError, match=r"a class 'A' that the training part has not, only 'a'"):
        read(tmp_path)


def test_identical_images_in_two_parts_or_classes_are_told(tmp_path: Path) -> None:
    tree(tmp_path, "train", "test")
    shutil.copy(tmp_path / "train/a/0.png", tmp_path / "test/a/copy.png")
    shutil.copy(tmp_path / "train/a/1.png", tmp_path / "train/b/copy.png")
    Image.open(tmp_path / "train/b/2.png").save(tmp_path / "test/b/again.bmp")
    notes = read(tmp_path).notes
    same = [
        note.removeprefix("The same image in the ").replace("pixel for pixel: ", "")
        for note in notes
    ]
    assert same == [
        "training and the test part, 2 in all (such as train/a/0.png and test/a/copy.png).",
        "training part more than once, 1 in all (such as train/a/1.png and train/b/copy.png).",
        "The same image under two classes, 1 in all (such as train/a/1.png and train/b/copy.png).",
    ]


def test_a_class_without_test_images_is_told(tmp_path: Path) -> None:
    tree(tmp_path)
    draw(tmp_path / "c/only.png", 70)
    assert read(tmp_path).notes == ("The test part has no image of c.",)


def test_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path)
    scandir = os.scandir

    def refuse(path: Path) -> Any:  # noqa: ANN401 - as os.scandir
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"/b cannot be read: Permission denied"):
        read(tmp_path)
