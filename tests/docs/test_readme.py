"""The README's commands and lines run, and print what it shows."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
MAKEFILE = (Path(__file__).resolve().parents[2] / "Makefile").read_text("utf-8")
MAX_POINTS = 2.0


def _block(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(block)


def _commands() -> list[tuple[str, list[str]]]:
    """Each command of the console block, with the lines that it prints."""
    found: list[tuple[str, list[str]]] = []
    for line in _block("console").splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def _same(shown: str, printed: str) -> bool:
    """Equal but for what another kind of machine may measure.

    Accuracies may differ by two points, the iterations of early stops and digests at will.
    """
    if re.fullmatch(r"[0-9a-f]{64}", shown):
        return re.fullmatch(r"[0-9a-f]{64}", printed) is not None
    if shown.endswith("%") and printed.endswith("%"):
        return abs(float(shown[:-1]) - float(printed[:-1])) <= MAX_POINTS
    return shown == printed


def _words(line: str, *, is_level: bool) -> list[str]:
    words = line.split()
    return words[:-1] if is_level else words  # the last column is the early stop


def test_the_commands_print_what_the_readme_shows(shim: str, tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    assert len(_commands()) == 5
    for command, shown in _commands():
        ran = subprocess.run(
            ["bash", "-c", shim + command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        printed = ran.stdout.splitlines()
        assert len(printed) == len(shown)
        is_level = [bool(re.match(r"\s+\d+\s+\d+\.\d+%", line)) for line in shown]
        for line, other, flag in zip(shown, printed, is_level, strict=True):
            pairs = zip(_words(line, is_level=flag), _words(other, is_level=flag), strict=True)
            assert all(_same(*pair) for pair in pairs), f"{line!r} is now {other!r}"
    assert (tmp_path / "mine.toml").stat().st_size > 0


def test_the_library_s_example_prints_what_the_readme_shows() -> None:
    code = _block("python")
    assert len(code.splitlines()) <= 12
    expected = re.findall(r"```python\n.*?```\n\n```\n(.*?)```", README, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert [printed.getvalue()] == expected


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_the_targets_of_make_exist(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


def test_links_lead_to_what_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    root = Path(__file__).resolve().parents[2]
    assert [link for link in links if not (root / link).exists()] == []
