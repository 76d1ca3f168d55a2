from __future__ import annotations

import json
from pathlib import Path

import pytest

from ticket_hub.errors import TicketNotFoundError
from ticket_hub.recipes import load_recipe
from ticket_hub.search.locate import Place, locate


def make_run(folder: Path, *, bundle: bool = True) -> Path:
    """A run folder as far as finding it goes."""
    folder.mkdir(parents=True)
    recipe = load_recipe("digits-quick")
    header = {"format": 1, "recipe": recipe.to_table(), "digest": recipe.digest}
    (folder / "run.json").write_text(json.dumps(header))
    if bundle:
        (folder / "bundle").mkdir()
        (folder / "bundle/ticket.json").write_text("{}")
    return folder


def test_a_run_s_folder_and_its_bundle_are_the_same_place(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert locate(str(run)) == locate(str(run / "bundle")) == Place(bundle=run / "bundle")


@pytest.mark.parametrize("level", ["7", "d0.036", "best"])
def test_a_level_stands_behind_a_colon(level: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert locate(f"{run}:{level}") == Place(bundle=run / "bundle", level=level)


def test_a_folder_may_have_a_colon_in_its_name(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run:1")
    assert locate(str(run)) == Place(bundle=run / "bundle")
    assert locate(f"{run}:2") == Place(bundle=run / "bundle", level="2")


def test_a_run_is_found_by_its_name_or_by_that_of_its_recipe(tmp_path: Path) -> None:
    run = make_run(tmp_path / "digits-quick-abc")
    for name in ("digits-quick-abc", "digits-quick", "digits-quick:3"):
        assert locate(name, runs=tmp_path).bundle == run / "bundle"


def test_of_two_runs_of_a_recipe_one_must_be_named_in_full(tmp_path: Path) -> None:
    first = make_run(tmp_path / "digits-quick-abc")
    make_run(tmp_path / "digits-quick-def")
    with pytest.raises(TicketNotFoundError, match=r"digits-quick-abc.*in full"):
        locate("digits-quick", runs=tmp_path)
    assert locate("digits-quick-abc", runs=tmp_path).bundle == first / "bundle"


def test_a_run_without_a_bundle_says_when_it_will_have_one(tmp_path: Path) -> None:
    make_run(tmp_path / "digits-quick-abc", bundle=False)
    with pytest.raises(TicketNotFoundError, match="as soon as level 0 is finished"):
        locate("digits-quick", runs=tmp_path)


@pytest.mark.parametrize("name", ["nothing", "nothing:3", "", ":best", "./nothing/at/all"])
def test_what_is_not_there_is_said_to_be_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(TicketNotFoundError, match="ticket list"):
        locate(name, runs=tmp_path)


def test_a_run_without_a_bundle_is_not_in_the_way_of_one_that_has_tickets(tmp_path: Path) -> None:
    run = make_run(tmp_path / "digits-quick-abc")
    make_run(tmp_path / "digits-quick-def", bundle=False)
    assert locate("digits-quick", runs=tmp_path).bundle == run / "bundle"


def test_an_experiment_is_told_from_what_has_tickets(tmp_path: Path) -> None:
    (tmp_path / "retrain-mnist-abc").mkdir()
    (tmp_path / "retrain-mnist-abc/experiment.json").write_text("{}")
    with pytest.raises(TicketNotFoundError, match=r"experiment.*ticket report retrain-mnist-abc"):
        locate("retrain-mnist-abc", runs=tmp_path)
