from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ticket_hub.errors import TicketNotFoundError
from ticket_hub.hub.address import Address
from ticket_hub.hub.cache import Cache
from ticket_hub.recipe import load_recipe
from ticket_hub.runs.locate import Place, locate, resolve
from ticket_hub.ticket import Ticket

GOLDEN = Path(__file__).parents[2] / "golden/format-1"


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


@pytest.mark.parametrize("name", ["nothing", "nothing:3", "", ":best", "./nothing/at/all", "a/b"])
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


def pull_to(cache: Cache, repo: str, hub: str = "https+hub") -> Path:
    """As much of a pulled bundle as finding it goes."""
    folder = cache.folder(hub, repo, "c" * 40)
    folder.mkdir(parents=True)
    (folder / "ticket.json").write_text("{}")
    cache.remember(hub, repo, None, "c" * 40)
    return folder


def test_a_hub_s_name_stands_for_what_was_pulled(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    folder = pull_to(cache, "ann/digits")
    expected = Place(bundle=folder, level="3", pulled=True)
    assert locate("ann/digits:3", cache=cache) == expected
    assert locate(f"ann/digits@{'c' * 40}:3", cache=cache) == expected
    assert resolve("ann/digits:3") == Address(repo="ann/digits", level="3")  # looks at no cache


@pytest.mark.parametrize("name", ["bob/digits", "bob/digits@v1", "bob/digits:3"])
def test_a_ticket_that_is_not_pulled_names_the_command_that_does(name: str, tmp_path: Path) -> None:
    place = name.removesuffix(":3")
    assert isinstance(resolve(name, cache=Cache(tmp_path)), Address)
    with pytest.raises(TicketNotFoundError, match=f"`ticket pull {place}`"):
        locate(name, cache=Cache(tmp_path))


def test_a_folder_without_a_bundle_says_what_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ann/digits").mkdir(parents=True)
    for name in (str(tmp_path / "ann"), "./ann/digits", "ann/digits", "ann"):
        with pytest.raises(
            TicketNotFoundError, match=r"neither ticket\.json nor bundle/ticket\.json"
        ):
            locate(name, runs=tmp_path / "runs", cache=Cache(tmp_path / "cache"))


def test_a_path_that_is_not_there_is_said_to_be_no_folder(tmp_path: Path) -> None:
    for name in (str(tmp_path / "none"), f"{tmp_path}/none:3", "~/surely/not/there"):
        with pytest.raises(TicketNotFoundError, match="There is no folder"):
            locate(name)


def test_folders_of_runs_and_experiments_say_what_they_are(tmp_path: Path) -> None:
    make_run(tmp_path / "begun", bundle=False)
    (tmp_path / "retrain").mkdir()
    (tmp_path / "retrain/experiment.json").write_text("{}")
    with pytest.raises(TicketNotFoundError, match="begun has no bundle yet"):
        locate(str(tmp_path / "begun"))
    with pytest.raises(TicketNotFoundError, match="is an experiment"):
        locate(str(tmp_path / "retrain"))


def test_python_answers_as_the_command_line_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKET_HOME", str(tmp_path / "home"))
    run = make_run(tmp_path / "home/runs/digits-quick-abc", bundle=False)
    shutil.copytree(GOLDEN, run / "bundle")
    digits = Ticket.load(GOLDEN, level=3).id
    for place in ("digits-quick-abc:3", "digits-quick:3", f"{run}:3", run / "bundle"):
        for read in (Ticket.load, Ticket.from_pretrained):
            level = 3 if place == run / "bundle" else None
            assert read(place, level=level).id == digits
    with pytest.raises(TicketNotFoundError, match="There is no folder /nonexistent"):
        Ticket.load("/nonexistent")
    with pytest.raises(TicketNotFoundError, match="`ticket pull ann/digits`"):
        Ticket.load("ann/digits")
    pulled = Cache().folder("https+hub", "ann/digits", "c" * 40)
    shutil.copytree(GOLDEN, pulled)
    assert Ticket.load("ann/digits:3").id == digits
