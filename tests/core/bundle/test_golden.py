"""The bundle of every released format loads for ever, and is written again byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ticket_hub.bundle import BundleContent, content_of, open_bundle, verify_bundle, write_bundle
from ticket_hub.bundle.encoding import decode, encode
from ticket_hub.errors import BundleError, BundleFormatError
from ticket_hub.ticket import Ticket

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
BUNDLE_ID = "0f91d8e5cefb883cd8c15f118bc45045c7e83900a316d281ed6971f9724503c7"
TICKET_ID = "28d421af7695f3115bfdd91570b56e605f829935eb3c747129600bd36156e6d3"

REWRITE = """
import sys
from pathlib import Path
from ticket_hub.bundle import content_of, open_bundle, write_bundle
content = content_of(open_bundle(Path(sys.argv[1])))
for count in range(1, 6):
    write_bundle(Path(sys.argv[2]), content.only(*range(count)))
"""


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def same_but_for_what_later_versions_say(new: bytes, old: bytes) -> bool:
    """Recipes have more keys since, cards more sentences, and all levels are judged together."""
    tables = [json.loads(data) for data in (new, old)]
    for table in tables:
        del table["digest"], table["files"]["README.md"]
        table.pop("family", None)
        for level in table["levels"]:
            del level["verdict"]
    recipes = [table.pop("recipe") for table in tables]
    for part, values in recipes[1].items():
        if isinstance(values, dict):
            recipes[0][part] = {key: recipes[0][part][key] for key in values}
    return bool(tables[0] == tables[1] and recipes[0] == recipes[1])


def golden_content() -> BundleContent:
    return content_of(open_bundle(GOLDEN))


def test_the_golden_bundle_of_format_1_loads_and_holds() -> None:
    report = verify_bundle(GOLDEN)
    assert report.holds, report.failures
    assert len(report.checks) > 40


def test_it_was_written_before_bundles_had_figures_and_stays_so() -> None:
    assert "ladder.svg" not in open_bundle(GOLDEN).manifest.files
    assert not (GOLDEN / "ladder.svg").exists()


def test_its_ids_never_change() -> None:
    assert open_bundle(GOLDEN).manifest.id == BUNDLE_ID
    assert Ticket.load(GOLDEN).id == TICKET_ID


def test_what_its_manifest_says_never_changes() -> None:
    bundle = open_bundle(GOLDEN)
    assert [round(level.density, 4) for level in bundle.levels] == [
        1,
        0.7203,
        0.5216,
        0.3797,
        0.2784,
    ]
    assert bundle.levels[4].verdict == "losing"
    assert (bundle.manifest.default.level, bundle.manifest.default.rule) == (
        2,
        "mean-within-margin",
    )
    evidence = bundle.evidence(0)
    assert evidence is not None
    assert evidence.n == 3
    assert evidence.test_accuracy.mean == pytest.approx(0.9574, abs=1e-4)


def test_writing_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    write_bundle(tmp_path / "again", golden_content())
    old, new = files(GOLDEN), files(tmp_path / "again")
    assert same_but_for_what_later_versions_say(new.pop("ticket.json"), old.pop("ticket.json"))
    assert new.pop("README.md") != old.pop("README.md")
    assert new == old


def test_its_levels_were_judged_one_by_one_and_are_judged_together_when_written_again(
    tmp_path: Path,
) -> None:
    written = write_bundle(tmp_path / "again", golden_content())
    assert (open_bundle(GOLDEN).manifest.family, written.family) == (0, 4)
    assert verify_bundle(tmp_path / "again").holds
    assert "not corrected for their number" in (GOLDEN / "README.md").read_text()
    assert "corrected for the 4 comparisons" in (tmp_path / "again/README.md").read_text()


def test_a_bundle_that_claims_another_number_of_comparisons_does_not_hold(tmp_path: Path) -> None:
    write_bundle(tmp_path, golden_content())
    manifest = open_bundle(tmp_path).manifest
    (tmp_path / "ticket.json").write_bytes(encode(replace(manifest, family=3)))
    assert "another number of comparisons" in str(verify_bundle(tmp_path).failures)


def test_two_other_processes_write_the_same_bytes_level_by_level(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", REWRITE, str(GOLDEN), str(tmp_path / seed)],
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
    first, second, old = files(tmp_path / "1"), files(tmp_path / "2"), files(GOLDEN)
    assert first == second
    for name in ("ticket.json", "README.md"):
        del first[name], old[name]
    assert first == old


def test_altered_bytes_of_every_file_are_noticed(tmp_path: Path) -> None:
    bundle = open_bundle(Path(shutil.copytree(GOLDEN, tmp_path / "bundle")))
    for name in bundle.manifest.files:
        path = bundle.path / name
        data = path.read_bytes()
        with path.open("r+b", buffering=0) as stream:
            for place in range(0, len(data), 1 if len(data) < 2000 else 7):
                os.pwrite(stream.fileno(), bytes([data[place] ^ 1 << place % 8]), place)
                with pytest.raises(BundleError):
                    bundle.digest(name)
                os.pwrite(stream.fileno(), data[place : place + 1], place)
        bundle.digest(name)


@pytest.mark.parametrize("offset", range(11))
def test_altered_bytes_of_the_manifest_are_noticed(offset: int) -> None:
    data = bytearray((GOLDEN / "ticket.json").read_bytes())
    for place in range(offset, len(data), 97):
        data[place] ^= 1 << place % 8
        with pytest.raises(BundleFormatError):
            decode(data)
        data[place] ^= 1 << place % 8
    decode(data)


@pytest.mark.slow
def test_verify_notices_every_altered_byte(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    for name, data in files(GOLDEN).items():
        for place in range(len(data)):
            altered = bytearray(data)
            altered[place] ^= 1 << place % 8
            (folder / name).write_bytes(altered)
            assert not verify_bundle(folder).holds, (name, place)
        (folder / name).write_bytes(data)


def test_verify_notices_altered_cut_and_missing_files_by_name(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    for name, data in files(GOLDEN).items():
        for changed in (data[:-1], None):
            if changed is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(changed)
            assert name in {check.name for check in verify_bundle(folder).failures}
        (folder / name).write_bytes(data)
    assert verify_bundle(folder).holds


def test_files_that_were_not_pulled_are_no_failure_of_a_part(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    for path in (folder / "theta0/1.safetensors", folder / "masks/0/4.safetensors"):
        path.unlink()
    assert not verify_bundle(folder).holds
    report = verify_bundle(folder, partial=True)
    assert report.holds
    assert report.absent == ("masks/0/4.safetensors", "theta0/1.safetensors")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "masks/0/3.pkl", "masks/../x.py", "weights"])
def test_a_file_that_no_bundle_has_is_noticed(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    (folder / name).write_bytes(b"x")
    assert [check.name for check in verify_bundle(folder).failures] == ["no other file"]
