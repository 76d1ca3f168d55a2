from __future__ import annotations

import json
import re
import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from huggingface_hub import HfApi

from tests.helpers.browsing import Reader, Shown, Visit
from tests.helpers.controlled import GOLDEN
from tests.helpers.foreign import write_google
from tests.helpers.payloads import PAYLOADS
from tests.helpers.tried import tried
from ticket_hub.bundle import content_of, open_bundle, write_bundle
from ticket_hub.bundle.figure import ELEMENTS
from ticket_hub.interop.importers import import_tickets
from ticket_hub.transfer.sharing import push_bundle
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.pages.filters import read_search
from ticket_hub_api.store.database import Database

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_what_is_asked_for_comes_back_as_the_shortest_address() -> None:
    query = {
        "text": "lenet",
        "weights_max": "20",
        "order": "newest",
        "verdict": "",
        "nonsense": "x",
    }
    search = read_search(query)
    assert search.wanted.density_max == pytest.approx(0.2)
    assert search.address() == "/?text=lenet&weights_max=20"
    assert read_search({}).address() == "/"


def test_a_number_that_cannot_be_is_said_and_asks_for_nothing() -> None:
    search = read_search({"weights_max": "many", "accuracy_min": "101", "weights_min": "1e999"})
    assert set(search.problems) == {"weights_max", "accuracy_min", "weights_min"}
    assert search.wanted.density_max is None
    assert read_search({"accuracy_min": "nan"}).problems


def test_the_search_works_without_javascript(member: Reader, shown: Shown) -> None:
    everything = member.get("/?text=pages-").text  # a first page may be full of others
    assert shown.controlled in everything
    assert shown.private in everything
    narrowed = member.get("/?text=controlled&order=accuracy")
    assert shown.controlled in narrowed.text
    assert shown.plain not in narrowed.text
    assert "No ticket fits" in member.get("/?text=nothingofthisname").text
    assert "must be from 0 to 100" in member.get("/?weights_max=200").text


def test_a_ticket_that_fits_by_another_level_says_by_which(member: Reader, shown: Shown) -> None:
    last = open_bundle(GOLDEN).manifest.levels[-1]
    address = f"/?text={shown.plain.partition('/')[2]}"
    narrowed = member.get(f"{address}&weights_max={100 * last.density + 0.01:.2f}").text
    assert f"fits at level {last.index}: {100 * last.density:.3g}% of weights" in narrowed
    assert "fits at level" not in member.get(address).text


def test_a_fragment_has_the_results_alone(member: Reader, shown: Shown) -> None:
    part = member.get("/?text=controlled&network=", HX_Request="true")
    assert "<html" not in part.text
    assert shown.controlled in part.text
    assert part.headers["HX-Push-Url"] == "/?text=controlled"


def test_pages_turn(member: Reader, shown: Shown) -> None:
    assert shown
    assert "cursor" not in member.get("/?text=pages-controlled").text  # one page has them all
    assert member.get("/?cursor=nonsense").status == 422


def test_visitors_see_what_they_may(hub: RunningHub, reader: Reader, shown: Shown) -> None:
    assert shown.plain not in reader.get("/?text=pages-").text
    assert "sign in" in reader.get("/?text=pages-").text
    hidden = reader.get(f"/tickets/{shown.plain}")
    assert hidden.status == 401
    assert "Your account may see more." in hidden.text
    for path in (f"/compare?tickets={shown.plain}", f"/experiments/{'0' * 64}"):
        assert f'href="/sign-in?next={quote(path)}"' in reader.get(path, Accept="text/html").text
    name, database = f"guest-{uuid.uuid4().hex[:8]}", Database(hub.settings.database_url)
    accounts.add_user(database, name)
    secret = tokens.create_token(database, name, scope="read").secret
    database.close()
    reader.sign_in(secret)
    assert shown.plain in reader.get("/?text=pages-").text
    assert shown.private not in reader.get("/?text=pages-").text
    assert reader.get(f"/tickets/{shown.private}").status == 404
    commit = re.search(r"/figures/([0-9a-f]{40})/", reader.get(f"/tickets/{shown.plain}").text)
    assert commit is not None
    figure = f"/tickets/{shown.private}/figures/{commit[1]}/ladder.svg"
    assert reader.get(figure).status == 404


def test_a_ticket_shows_everything_that_is_known_of_it(member: Reader, shown: Shown) -> None:
    page = member.get(f"/tickets/{shown.controlled}").text
    for part in (
        'id="levels"', 'id="controls"', 'id="layers"', 'id="card"', 'id="versions"', 'id="files"',
        "n = 3", "against dense", f"ticket pull {shown.controlled} --hub {member.endpoint}",
        ">reinit</td>", "mask.svg",
        "ladder.svg", "differences.svg", "curves.svg", "theta0/0.safetensors",
    ):  # fmt: skip
        assert part in page
    assert not re.search(r"Written by Ticket Hub\. sha256", page)


def test_what_became_of_a_claim_stands_on_the_ticket_s_page(
    member: Reader, hub: RunningHub, owner: str, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    manifest = open_bundle(bundle).manifest
    level = manifest.levels[-1]
    compared = {str(level.index): [each.id for each in level.tickets]}
    tickets = {"quick": {"bundle": manifest.id, "levels": compared}}
    (tmp_path / "reproduction.json").write_text(json.dumps(tried(tickets=tickets)))
    name = f"{owner}/tried-{uuid.uuid4().hex[:6]}"
    evidence = [tmp_path / "reproduction.json"]
    push_bundle(bundle, name, evidence=evidence, by="Ann", hub=hub.endpoint, token=hub.token)
    page = member.get(f"/tickets/{name}").text
    listed = page.partition('id="claims"')[2].partition("</ul>")[0]
    line = "claim 3: reproduced (+0.50 points (+0.20 to +0.80), claimed above -100 points; "
    assert line + "n = 3 tickets; budget cpu, seed 0)" in listed
    assert f"<li>{tried()['claim']['title']}<br>" in listed
    assert "reproductions/" in page.partition('id="files"')[2]
    assert len(open_bundle(bundle).reproductions()) == 1


def test_a_ticket_without_controls_says_what_that_leaves_open(member: Reader, shown: Shown) -> None:
    page = member.get(f"/tickets/{shown.plain}").text
    assert "No control was trained beside these tickets" in page
    assert "differences.svg" not in page


def test_old_versions_can_be_read_and_unknown_ones_are_said(member: Reader, shown: Shown) -> None:
    page = member.get(f"/tickets/{shown.plain}").text
    revision = re.search(r"\?revision=([0-9a-f]{40})", page)
    assert revision is not None
    assert revision[1] in member.get(f"/tickets/{shown.plain}?revision={revision[1]}").text
    assert member.get(f"/tickets/{shown.plain}?revision=nothing").status == 404
    assert member.get("/tickets/nobody/nothing").status == 404


def figure_of(member: Reader, repo: str, name: str) -> str:
    page = member.get(f"/tickets/{repo}").text
    found = re.search(rf"/tickets/{repo}/figures/[0-9a-f]{{40}}/{name}", page)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("name", ["ladder.svg", "ladder-narrow.svg", "differences.svg"])
def test_figures_are_pictures_alone(member: Reader, shown: Shown, name: str) -> None:
    figure = member.get(figure_of(member, shown.controlled, name))
    assert figure.status == 200
    assert figure.headers["Content-Type"] == "image/svg+xml"
    assert "immutable" in figure.headers["Cache-Control"]
    assert "unsafe" not in figure.headers["Content-Security-Policy"]
    assert set(re.findall(r"<(\w+)", figure.text)) <= ELEMENTS | {"style"}
    assert figure.text == member.get(figure_of(member, shown.controlled, name)).text


def test_figures_are_kept_by_content(hub: RunningHub, member: Reader, shown: Shown) -> None:
    member.get(figure_of(member, shown.plain, "ladder.svg"))
    kept = hub.settings.folder / "figures"
    before = {path.name for path in kept.glob("*.svg")}
    member.get(figure_of(member, shown.private, "ladder.svg"))
    assert {path.name for path in kept.glob("*.svg")} == before


def test_there_is_no_figure_of_what_was_not_measured(member: Reader, shown: Shown) -> None:
    address = figure_of(member, shown.plain, "ladder.svg")
    assert member.get(address.replace("ladder", "differences")).status == 404
    assert member.get(address.replace("ladder", "nonsense")).status == 404


def test_searching_and_opening_in_a_browser(hub: RunningHub, visit: Visit, shown: Shown) -> None:
    visit.sign_in(hub.token)
    page = visit.page
    page.goto("/")
    page.get_by_label("Search", exact=True).fill("pages-controlled")
    page.wait_for_url("**/?text=pages-controlled")
    assert page.get_by_role("link", name=shown.plain).count() == 0
    assert page.get_by_role("status").inner_text() == "1 ticket"
    page.get_by_label("Verdict").select_option("losing")
    page.wait_for_url("**/?text=pages-controlled&verdict=losing")
    page.go_back()
    page.wait_for_url("**/?text=pages-controlled")
    page.get_by_role("link", name=shown.controlled).last.click()  # it may be one of the best, too
    assert page.get_by_role("heading", level=1).inner_text() == shown.controlled
    for picture in page.locator("figure img").all():
        picture.scroll_into_view_if_needed()
        picture.evaluate("image => image.decode()")


def test_a_hub_that_does_not_answer_is_said_until_it_does(
    hub: RunningHub, chromium: Browser, shown: Shown
) -> None:
    context = chromium.new_context(base_url=hub.endpoint)
    page = context.new_page()
    page.goto("/")
    note = page.locator("#unreachable")
    assert note.is_hidden()
    context.set_offline(True)
    page.get_by_label("Search", exact=True).fill("controlled")
    note.wait_for(state="visible")
    context.set_offline(False)
    page.get_by_label("Search", exact=True).fill(shown.plain)
    note.wait_for(state="hidden")
    context.close()


def test_a_card_cannot_do_anything_on_its_page(
    hub: RunningHub, visit: Visit, shown: Shown, tmp_path: Path
) -> None:
    name = f"{shown.plain.split('/', maxsplit=1)[0]}/hostile"
    bundle = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    push_bundle(bundle, name, hub=hub.endpoint, token=hub.token)
    card = "\n\n".join(PAYLOADS).encode(errors="replace")
    HfApi(hub.endpoint, hub.token).upload_file(
        path_or_fileobj=card, path_in_repo="README.md", repo_id=name
    )
    visit.sign_in(hub.token)
    visit.page.goto(f"/tickets/{name}")
    assert "window.planted" in visit.page.locator(".card").inner_text()
    visit.page.wait_for_load_state("networkidle")
    assert visit.page.evaluate("window.planted") is None


def test_reading_needs_no_javascript(hub: RunningHub, quiet_visit: Visit, shown: Shown) -> None:
    quiet_visit.sign_in(hub.token)
    page = quiet_visit.page
    page.goto("/")
    page.get_by_label("Search", exact=True).fill("controlled")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=shown.controlled).click()
    assert page.locator("#levels").is_visible()
    assert page.locator("figure img").count() >= 3


def test_the_address_that_clients_print_leads_to_the_page(member: Reader, shown: Shown) -> None:
    answer = member.get(f"/{shown.plain}")
    assert answer.status == 307
    assert answer.headers["Location"] == f"/tickets/{shown.plain}"
    assert member.get("/api/nothing").status == 404


def test_a_ticket_that_nobody_measured_has_a_page(
    hub: RunningHub, member: Reader, shown: Shown, tmp_path: Path
) -> None:
    content = content_of(open_bundle(GOLDEN))
    levels = tuple(replace(level, curves=(), backends=()) for level in content.levels)
    write_bundle(tmp_path / "bundle", replace(content, levels=levels))
    name = f"{shown.plain.split('/', maxsplit=1)[0]}/unmeasured"
    push_bundle(tmp_path / "bundle", name, hub=hub.endpoint, token=hub.token)
    page = member.get(f"/tickets/{name}")
    assert page.status == 200
    assert "not measured" in page.text
    assert page.text.count("<figure>") == page.text.count("/mask.svg") == 1  # of evidence none
    assert "no verdict" in member.get("/?text=unmeasured").text


@pytest.mark.parametrize("before", [False, True])
def test_what_the_source_of_an_import_did_not_record_is_not_known(
    hub: RunningHub, member: Reader, shown: Shown, tmp_path: Path, *, before: bool
) -> None:
    bundle = tmp_path / "bundle"
    if before:
        shutil.copytree(GOLDEN.with_name("format-1-imported"), bundle)
    else:
        write_google(tmp_path / "trial1", sizes=(16, 3, 4), levels=3)
        import_tickets(tmp_path / "trial1", bundle, input_shape=(1, 4, 4))
    repo = f"{shown.plain.partition('/')[0]}/imported-{uuid.uuid4().hex[:8]}"
    push_bundle(bundle, repo, hub=hub.endpoint, token=hub.token)
    told = member.get(f"/api/v1/tickets/{repo}", Authorization=f"Bearer {hub.token}")
    about = json.loads(told.text)["description"]
    parts = ("network", "data", "training", "pruning", "search")
    assert [about["recipe"][part] for part in parts] == [None] * 5
    assert [about["data"][part] for part in ("fingerprint", "mean", "std")] == [None] * 3
    assert about["bit_exact"] is None
    assert [trial["seed"] for trial in about["trials"]] == [None]
    page = member.get(f"/tickets/{repo}").text
    found = page[page.index('id="found"') :]
    assert "on data that are not known" in page
    assert "seeds not known" in found
    assert "fingerprint not known" in found
    assert found.count("Not known: the files") == 5
    assert "It was imported" in page
    assert not re.search(r"0{12}|sgd|>None<|>unknown<", found)
