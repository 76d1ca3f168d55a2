"""What a log is told, and what is said where a reporter fails."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from ticket_hub.errors import PluginError, RecipeError, StorageError
from ticket_hub.runs import Log, register_reporter
from ticket_hub.runs.reporters import REPORTERS, Reporter
from ticket_hub.training import Progress

READING = Progress(
    member="trial-0", iteration=20, iterations=40, validation_accuracy=0.5, test_accuracy=math.nan
)


def test_a_log_goes_on_behind_half_a_line(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"event": "not')
    log = Log.of(["jsonl"], tmp_path, searched=0)
    log.observe(READING)
    log.tell("level", index=0)
    log.observe(READING)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()[1:]
    first, level, second = (json.loads(line) for line in lines)
    assert (first["level"], second["level"], level) == (0, 1, {"event": "level", "index": 0})
    assert (first["validation_accuracy"], first["test_accuracy"]) == (0.5, None)


def test_a_reporter_that_fails_is_named(tmp_path: Path) -> None:
    @register_reporter("tests-failing")
    def failing() -> Reporter:
        return lambda event: event["nothing"]

    with pytest.raises(PluginError, match=r"'tests-failing' failed: KeyError: 'nothing'.*--log"):
        Log.of(["tests-failing"], tmp_path).notify("strange")
    with pytest.raises(RecipeError, match=r"--log cannot be 'jsonlines'.*the nearest is 'jsonl'"):
        Log.of(["jsonlines"], tmp_path)
    with pytest.raises(PluginError, match="asks for place"):
        register_reporter("tests-asking")(lambda place: place.tell)
    REPORTERS._known.pop("tests-failing")


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"log\.jsonl could not be written"):
        Log.of(["jsonl"], tmp_path).notify("strange")


def test_names_of_reporters_are_known_without_pytorch() -> None:
    code = (
        "import sys; from ticket_hub.runs.reporters import REPORTERS; "
        "sys.exit('torch' in sys.modules or REPORTERS.known() != ['jsonl'])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
