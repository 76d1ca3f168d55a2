from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import ticket_hub
from tests.helpers.commands import run_ticket
from tests.helpers.own_loops import Net
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.errors import EvidenceError, RecipeError, TrainingError
from ticket_hub.own import Comparison, Metric, Search
from ticket_hub.own.step import Step
from ticket_hub_api.catalog.bundles import facts_of
from ticket_hub_api.catalog.entries import accuracy_of
from ticket_hub_api.store.ticket_tables import NOT_MEASURED

PERPLEXITY = Metric("perplexity", lower_is_better=True, margin=2.0, unit="per word")


def measured(step: Step) -> float:
    """Dense 100, tickets 101 and 120, fresh weights 140: lower is better."""
    control, level = str(step.control), int(step.level)
    base = {"reinit": 140.0, "dense": 100.0}.get(control, [100.0, 101.0, 120.0][level])
    spread = {"reinit": 0.4, "dense": 0.1}.get(control, 0.1 * (1 + level))
    return base + spread * int(step.trial)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("perplexity") / "run"
    for step in Search(Net, levels=2, trials=3, folder=folder, metric=PERPLEXITY, data="*novels*"):
        step.finish(perplexity=measured(step), tokens=1000.0 + step.trial)
    return folder


def test_a_lower_value_is_judged_as_better_and_named_as_it_is(run: Path) -> None:
    bundle = open_bundle(run / "bundle")
    assert verify_bundle(bundle.path).holds
    words = [level.verdict for level in bundle.manifest.levels]
    assert words == [None, "matching", "losing"]
    assert bundle.manifest.default.level == 1
    card = (bundle.path / "README.md").read_text()
    assert "| level | density | test perplexity |" in card
    assert "101.2 per word (101 per word to 101.4 per word)" in card
    assert "accuracy" not in card
    assert "%" not in card.partition("## How")[0].partition("# Lottery")[2]


def test_shown_by_its_own_name_in_commands_tables_and_figures(run: Path, tmp_path: Path) -> None:
    shown = run_ticket("show", str(run))
    assert shown.code == 0
    assert "TEST PERPLEXITY (PER WORD) (RANGE)" in shown.stdout
    assert "101.2 (101 to 101.4)" in shown.stdout
    assert "by the author's own loop" in " ".join(shown.stdout.split())
    ticket_hub.report_run(run, tmp_path, ["md", "svg", "html"])
    assert "test perplexity (per word)" in (tmp_path / "ladder.md").read_text()
    assert "2 per word of perplexity worse than" in (tmp_path / "report.html").read_text()


def test_a_comparison_counts_what_is_better_for_the_ticket(run: Path, tmp_path: Path) -> None:
    compared = Comparison(f"{run}:1", trials=3, make_network=Net, folder=tmp_path / "run")
    for step in compared:
        step.finish(test=measured(step))
    result = compared.result()
    (level,) = result.levels
    assert level.verdict.word == "winning"
    assert "better by +39.2 per word in perplexity against reinit" in level.verdict.reason
    assert "margin 2 per word" in level.verdict.reason
    assert "ticket better by (per word)" in result.table
    ticket_hub.report_run(result.run, tmp_path / "report", ["html", "svg"])
    assert "difference (per word)" in (tmp_path / "report/report.html").read_text()


def test_what_else_a_loop_measured_stays_with_its_name(run: Path, tmp_path: Path) -> None:
    bundle = open_bundle(run / "bundle")
    kept = {(each.level, each.trial): dict(each.curves.measured) for each in bundle.curves()}
    assert kept == {
        (level, trial): {"tokens": 1000.0 + trial} for level in range(3) for trial in range(3)
    }
    assert [level.evidence.measured["tokens"].max for level in bundle.manifest.levels
            if level.evidence] == [1002.0] * 3  # fmt: skip
    assert "| tokens |" in (bundle.path / "README.md").read_text()
    shown = run_ticket("show", str(run))
    assert "TOKENS" in shown.stdout
    assert "  1001  " in shown.stdout
    told = json.loads(run_ticket("show", str(run), "--format", "json").stdout)
    assert told["levels"][1]["measured"] == {"tokens": {"mean": 1001, "min": 1000, "max": 1002}}
    lines = (bundle.path / "metrics.json").read_bytes().splitlines(keepends=True)
    level = facts_of(bundle.manifest, lines)["levels"][1]
    assert level["evidence"]["measured"]["tokens"]["mean"] == 1001

    shutil.copytree(run, tmp_path / "copy")
    compared = Comparison(
        f"{tmp_path / 'copy'}:1", against=["dense"], trials=3, make_network=Net,
        folder=tmp_path / "run", who="Ada",
    )  # fmt: skip
    for step in compared:
        step.finish(test=measured(step), größe=float(step.trial))
    evidence = [compared.result().run]
    ticket_hub.push_bundle(tmp_path / "copy/bundle", "ann/own", hub=tmp_path / "hub",
                           evidence=evidence)  # fmt: skip
    pulled = ticket_hub.pull_bundle("ann/own", hub=tmp_path / "hub")
    assert verify_bundle(pulled.folder, partial=True).holds
    (record,) = open_bundle(pulled.folder).experiments()
    assert record.levels[0].networks["dense"].outcome.measured == {"größe": (0, 1, 2)}


def test_a_loop_without_validation_loss_has_a_last_iteration_and_no_early_stop(
    run: Path, tmp_path: Path
) -> None:
    texts = [(run / "bundle/README.md").read_text(), run_ticket("show", str(run)).stdout]
    ticket_hub.report_run(run, tmp_path / "search", ["md", "html"])
    compared = Comparison(
        f"{run}:1", against=["dense"], trials=3, make_network=Net, folder=tmp_path / "run"
    )
    for step in compared:
        step.finish(test=measured(step))
    ticket_hub.report_run(compared.result().run, tmp_path / "compared", ["md", "html"])
    made = sorted(tmp_path.glob("search/*")) + sorted(tmp_path.glob("compared/*"))
    texts += [file.read_text() for file in made if file.suffix in {".md", ".html"}]
    assert len(texts) >= 6
    for text in texts:
        assert "last iteration" in text.lower()
        assert "early stop" not in text.lower()
        assert "early-stop" not in text.lower()
        assert "still improving" not in text.lower()
        assert "sooner by" not in text.lower() or "1.00x" not in text


def test_a_metric_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for name, margin in (("", 1.0), ("rmse", -1.0), ("rmse", float("nan")), ("a\nb", 0.0)):
        with pytest.raises(RecipeError):
            Metric(name, margin=margin)
    step = next(iter(Search(Net, levels=1, folder=tmp_path / "run", metric=PERPLEXITY)))
    with pytest.raises(TrainingError, match="test cannot be inf"):
        step.finish(test=float("inf"))
    step.finish(test=1e6)


def test_what_compares_accuracies_takes_no_other_number_for_one(run: Path, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="was measured by perplexity"):
        ticket_hub.compare([run, run])
    ticket_hub.push_bundle(run / "bundle", "ann/own", hub=tmp_path)
    (found,) = ticket_hub.search_hub(hub=tmp_path)
    assert found.best_accuracy == 0
    assert found.best == pytest.approx(100.1)
    bundle = open_bundle(run / "bundle")
    lines = (bundle.path / "metrics.json").read_bytes().splitlines(keepends=True)
    facts = facts_of(bundle.manifest, lines)
    assert facts["metric"]["label"] == "perplexity (per word)"
    assert [level["verdict"] for level in facts["levels"]] == [None, "matching", "losing"]
    assert [accuracy_of(level, facts) for level in facts["levels"]] == [NOT_MEASURED] * 3
    assert facts["default"] == {
        "level": 1, "trial": 0, "rule": "verdict",
        "value": pytest.approx(101.2), "rank": pytest.approx(-101.2), "trained": True,
    }  # fmt: skip
    assert facts["disagrees"] == []


def test_what_a_loop_read_of_training_examples_gives_the_generalization_gap(tmp_path: Path) -> None:
    def loop(step: Step) -> None:
        if step.level:
            for iteration in (0, 10):
                step.report(
                    iteration,
                    validation_loss=1 / (1 + iteration),
                    test=0.8,
                    train=0.9,
                    train_loss=0.1,
                )
            step.finish()
        else:
            step.finish(test=0.75, train=1.0)

    for step in Search(Net, levels=1, trials=3, folder=tmp_path / "run"):
        loop(step)
    bundle = open_bundle(tmp_path / "run/bundle")
    assert verify_bundle(bundle.path).holds
    for record in bundle.curves():
        found = record.curves
        assert found.train_accuracy is not None
        assert found.train_accuracy.tolist() == ([0.9, 0.9] if record.level else [1.0])
    ticket_hub.report_run(tmp_path / "run", tmp_path / "report", ["md", "svg"])
    rows = (tmp_path / "report/ladder.md").read_text().splitlines()
    assert "training minus test (points)" in rows[0]
    assert "+25.00" in rows[2]
    assert "+10.00" in rows[3]
    compared = Comparison(
        f"{tmp_path / 'run'}:1",
        against=["dense"],
        trials=3,
        make_network=Net,
        folder=tmp_path / "c",
    )
    with pytest.raises(TrainingError, match=r"train cannot be 97\.0"):
        next(iter(compared)).report(0, validation_loss=1.0, train=97.0)
