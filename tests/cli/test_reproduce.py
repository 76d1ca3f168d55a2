from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.claims.test_claim import OURS
from tests.helpers.commands import Ran
from ticket_hub_cli.exit_codes import SMOKE_RUN

Run = Callable[..., Ran]


def test_without_a_claim_the_packaged_ones_are_listed(ticket: Run) -> None:
    listed = json.loads(ticket("reproduce", "--format", "json").stdout)
    assert [row["number"] for row in listed] == sorted(row["number"] for row in listed)
    assert "reinit-degrades" in {row["name"] for row in listed}
    assert "reinit-degrades" in ticket("reproduce").stdout


def test_a_claim_of_one_s_own_ends_with_its_word(
    ticket: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    (tmp_path / "ours.toml").write_text(OURS)
    path = str(tmp_path / "ours.toml")
    ran = ticket("reproduce", path, "--workers", "1")
    assert ran.code == 0, ran.stderr
    assert "Half of the weights are enough (our paper, table 1)." in ran.stdout
    assert Path(ran.stdout.partition("\nfigure: ")[2].splitlines()[0]).is_file()
    told = ran.stderr.index("quick: searching"), ran.stderr.index("controls: training")
    assert told[0] < ran.stderr.index("level 0: 100.00% of the weights left") < told[1]
    assert re.search(r"level 2 \(6\d\.\d\d% of weights\): ticket .*, reinit", ran.stderr[told[1] :])
    quiet = ticket("reproduce", path, "--workers", "1", "--format", "quiet")
    assert "level" not in quiet.stderr
    word = quiet.stdout.strip()
    assert word in {"reproduced", "not reproduced", "not decided"}
    assert f"\n{word}: n = 3 tickets, budget cpu, seed 0." in ran.stdout
    table = json.loads(ticket("reproduce", path, "--workers", "1", "--format", "json").stdout)
    assert table["outcome"] == word
    budget = '"search.trials" = 3\n"training.iterations" = 12\n"training.evaluate_every" = 4\n'
    smoke = f'\n[budgets.smoke]\n{budget}quick = {{ "training.backend" = "stack" }}\n'
    (tmp_path / "ours.toml").write_text(OURS + smoke)
    tried = ticket("reproduce", path, "--budget", "smoke", "--workers", "1")
    assert tried.code == SMOKE_RUN
    assert "\nsmoke run: not a verdict: n = 3 tickets, budget smoke, seed 0." in tried.stdout
    assert " reproduced" not in tried.stdout
    assert ticket("reproduce", path, "--budget", "smoke", "--push", "ann/ours").code == 2
    compared = ticket("compare", "ours-cpu-0", "ours-smoke-0")
    assert compared.code == 0, compared.stderr
    assert f"{word} " in compared.stdout
    assert "There are no two verdicts to compare (B: smoke run: not a verdict)." in compared.stdout
    told = json.loads(ticket("compare", "ours-cpu-0", "ours-smoke-0", "--format", "json").stdout)
    assert [each["seed"] for each in told["reproductions"].values()] == [0, 0]
    assert ticket("compare", "ours-cpu-0", "digits-quick").code == 12


def test_what_is_not_there_is_said_without_a_traceback(ticket: Run) -> None:
    ran = ticket("reproduce", "99")
    assert ran.code == 3
    assert "ticket reproduce" in ran.stderr
    assert ticket("reproduce", "4", "--budget", "cpi").code == 3
