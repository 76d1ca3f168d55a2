from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import ticket_hub
from tests.helpers.killing import kill_ticket_when
from tests.helpers.runs import tiny_recipe
from ticket_hub import analysis
from ticket_hub.analysis import (
    Analysis,
    AnalysisFolder,
    Finding,
    Subject,
    analyses,
    register_analysis,
)
from ticket_hub.analysis.registry import ANALYSES
from ticket_hub.bundle import open_bundle, write_bundle
from ticket_hub.bundle.contents import content_of
from ticket_hub.errors import (
    EvidenceError,
    PluginError,
    RecipeError,
    RunError,
    RunMismatchError,
    TicketNotFoundError,
)
from ticket_hub.runs.folder import RunFolder

QUICK = [each.name for each in analyses() if not each.trains]


@pytest.fixture(scope="module")
def quick(found: Path, tmp_path_factory: pytest.TempPathFactory) -> ticket_hub.AnalyzeResult:
    folder = tmp_path_factory.mktemp("quick") / "out"
    return ticket_hub.analyze(f"{found}:2,5", only=["quick"], folder=folder, trials=3)


def test_an_analysis_is_one_folder_that_registers_itself() -> None:
    folders = {path.parent.name for path in Path(analysis.__path__[0]).glob("*/__init__.py")}
    assert folders == {each.name for each in analyses()}
    assert [each.place for each in analyses()] == sorted({each.place for each in analyses()})
    assert all(vars(each.result)["UNITS"] and each.caption for each in analyses())


def test_each_analysis_leaves_a_figure_a_table_and_its_numbers(
    quick: ticket_hub.AnalyzeResult,
) -> None:
    told = json.loads((quick.folder / "analysis.json").read_bytes())
    assert {each["analysis"] for each in told["findings"]} == set(QUICK)
    for name in QUICK:
        assert [each.level for each in quick.of(name)] == [2, 5]
        assert (quick.folder / f"figures/{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert len((quick.folder / f"tables/{name}.csv").read_text().splitlines()) > 1
    for each in told["findings"]:
        assert each["units"]
        assert each["environment"]["torch"]
        assert each["identity"]["seed"] == 0


def test_the_page_is_one_file_that_asks_no_other_place(quick: ticket_hub.AnalyzeResult) -> None:
    text = (quick.folder / "analysis.html").read_text()
    assert text.count("<svg") == len(QUICK)
    assert not re.search(r"<(script|link|img|iframe)|url\((?!#)|@import|src=", text)
    for name in QUICK:
        assert next(each.title for each in analyses() if each.name == name) in text


def test_what_is_there_is_read_and_not_made_again(
    quick: ticket_hub.AnalyzeResult, found: Path
) -> None:
    assert not any(each.resumed for each in quick.findings)
    page = (quick.folder / "analysis.html").read_bytes()
    again = ticket_hub.analyze(f"{found}:2,5", only=["quick"], folder=quick.folder, trials=3)
    assert all(each.resumed for each in again.findings)
    assert [each.result for each in again.findings] == [each.result for each in quick.findings]
    assert (quick.folder / "analysis.html").read_bytes() == page


def test_results_of_other_tickets_are_refused(found: Path, tmp_path: Path) -> None:
    ticket_hub.analyze(f"{found}:2", only=["density"], folder=tmp_path, trials=3)
    with pytest.raises(RunMismatchError, match="--out"):
        ticket_hub.analyze(f"{found}:2", only=["density"], folder=tmp_path, trials=2)


@pytest.mark.parametrize("trials", [0, 1.5, 2.0, 99])
def test_trials_that_the_tickets_do_not_have_are_refused(found: Path, trials: int) -> None:
    with pytest.raises(RecipeError, match=f"^{trials} trials cannot be analysed"):
        ticket_hub.analyze(f"{found}:2", only=["density"], trials=trials)


def test_a_damaged_result_is_named(found: Path, tmp_path: Path) -> None:
    ticket_hub.analyze(f"{found}:2", only=["density"], folder=tmp_path)
    place = tmp_path / "results/002/density.json"
    place.write_text(place.read_text().replace('"size": 1536', '"size": 1537'))
    with pytest.raises(RunError, match="damaged"):
        ticket_hub.analyze(f"{found}:2", only=["density"], folder=tmp_path)
    place.unlink()
    assert ticket_hub.analyze(f"{found}:2", only=["density"], folder=tmp_path).findings


def test_a_folder_with_something_else_is_refused(found: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="no analysis"):
        ticket_hub.analyze(f"{found}:2", only=["density"], folder=tmp_path)
    with pytest.raises(RunError, match="no analysis"):
        ticket_hub.analyze(f"{found}:2", only=["density"], folder=found)
    assert not AnalysisFolder(found).path.joinpath("results").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"only": ["densty"]}, "density"),
        ({"trials": 6}, "1 to 5"),
        ({"changes": {"search.levels": 3}}, "training."),
        ({"changes": {"training.lr": -1.0}}, "training.lr"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, object], words: str, found: Path) -> None:
    with pytest.raises(RecipeError, match=words):
        ticket_hub.analyze(f"{found}:2", **arguments)  # type: ignore[arg-type] # that is the point


def test_the_dense_level_is_no_ticket(found: Path) -> None:
    with pytest.raises(TicketNotFoundError):
        ticket_hub.analyze(f"{found}:0", only=["density"])


def test_masks_are_compared_with_those_of_another_ticket(found: Path, tmp_path: Path) -> None:
    result = ticket_hub.analyze(
        f"{found}:5", only=["overlap"], others=[f"{found}:3"], folder=tmp_path
    )
    (finding,) = result.findings
    nested = [pair for pair in finding.result.pairs if pair.second.endswith(":3, trial 1")]
    assert [pair.first for pair in nested] == ["trial 1"]
    assert nested[0].total.shared == nested[0].total.first


def test_by_default_the_folder_is_named_by_what_is_analysed(found: Path, own_home: Path) -> None:
    result = ticket_hub.analyze(f"{found}:5", only=["density"])
    assert result.folder.parent == own_home / "tickets/analyses"
    assert result.folder == ticket_hub.analyze(f"{found}:2", only=["density"]).folder
    assert result.folder != ticket_hub.analyze(f"{found}:5", only=["density"], seed=1).folder


def test_of_many_levels_some_are_drawn_and_all_are_in_the_table(tmp_path: Path) -> None:
    changes = {
        "network.name": "lenet-8",
        "training.iterations": 10,
        "training.evaluate_every": 10,
        "training.backend": "stack",
        "search.levels": 8,
        "search.trials": 1,
    }
    found = ticket_hub.find("digits-quick", changes=changes, run_folder=tmp_path / "run")
    ticket_hub.analyze(f"{found.run}:all", only=["density"], folder=tmp_path / "out")
    assert "Of 8 levels, 6 are drawn" in (tmp_path / "out/analysis.html").read_text()
    rows = (tmp_path / "out/tables/density.csv").read_text().splitlines()
    assert len(rows) == 1 + 8 * 2


def test_a_bundle_of_survivors_allows_what_it_can(found: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", content_of(open_bundle(found / "bundle")), theta0="survivors")
    place, folder = f"{tmp_path / 'b'}:5", tmp_path / "out"
    changes = {"training.iterations": 20, "training.evaluate_every": 20}
    result = ticket_hub.analyze(place, changes=changes, folder=folder, trials=1, workers=1)
    assert [name for name, _ in result.left_out] == ["values", "movement"]
    assert [each.level for each in result.of("interpolation")] == [5]
    assert "Left out: values" in (folder / "analysis.html").read_text()
    with pytest.raises(EvidenceError, match="survivors only"):
        ticket_hub.analyze(place, only=["values"], folder=folder)


def test_movement_says_how_long_the_dense_networks_trained(tmp_path: Path) -> None:
    recipe = tiny_recipe(trials=2)
    # So high a rate that the first reading stays the best.
    changes = {"training.patience": 4, "training.lr": 3.0, "search.levels": 1}
    run = ticket_hub.find(recipe, changes=changes, run_folder=tmp_path / "run", workers=1).run
    level = RunFolder(run).read_level(0, None, RunFolder(run).read_theta0() or [])
    longest = max(trial.trained.iterations for trial in level.trials)
    assert longest < recipe.training.iterations
    for kept in (run / "bundle", shutil.copytree(run / "bundle", tmp_path / "alone")):
        folder = tmp_path / f"of-{kept.name}"
        (finding,) = ticket_hub.analyze(
            f"{kept}:1", only=["movement"], folder=folder, workers=1
        ).findings
        assert finding.result.iterations == longest


def test_killed_at_any_moment_it_goes_on_where_it_was(found: Path, tmp_path: Path) -> None:
    arguments = [f"{found}:5", "--only", "interpolation", "--trials", "2", "--workers", "1"]
    long = ["--iterations", "1000", "--out"]
    kill_ticket_when(
        (tmp_path / "killed/results/000/interpolation.json").exists,
        ["analyze", *arguments, *long, str(tmp_path / "killed")],
    )
    changes = {"training.iterations": 1000}
    killed, whole = (
        ticket_hub.analyze(
            f"{found}:5",
            only=["interpolation"],
            trials=2,
            changes=changes,
            folder=tmp_path / name,
            workers=1,
        )
        for name in ("killed", "whole")
    )
    assert killed.findings[0].resumed
    assert [each.result for each in killed.findings] == [each.result for each in whole.findings]


class Failing(Analysis):
    """An analysis of a user's that cannot be made."""

    title, caption, result = "Failing", "", int

    def compute(self, subject: Subject) -> int:
        raise ZeroDivisionError(subject.level)

    def draw(self, findings: Sequence[Finding]) -> Figure:
        raise NotImplementedError

    tabulate = describe = draw  # type: ignore[assignment] # neither is called


def test_an_analysis_of_the_users_that_fails_is_named(
    found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ANALYSES, "_known", dict(ANALYSES._known))
    register_analysis("failing")(Failing)
    with pytest.raises(PluginError, match=r"'failing' failed: ZeroDivisionError: 2\.") as caught:
        ticket_hub.analyze(f"{found}:2", only=["failing"], folder=tmp_path / "out")
    assert "--only" in caught.value.remedy


@pytest.mark.parametrize("name", ["quick", "Signs", "../signs", ""])
def test_a_name_that_could_not_be_asked_for_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match="cannot be the name of an analysis"):
        register_analysis(name)(Failing)


def test_what_an_analysis_lacks_is_said() -> None:
    class Half(Analysis):
        title = "Half"
        result = int

        def compute(self, subject: Subject) -> int:
            return subject.level

    with pytest.raises(PluginError, match="lacks `caption`, `draw`, `tabulate`, `describe`"):
        register_analysis("half")(Half)
