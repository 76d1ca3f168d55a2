from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.browsing import Reader, Visit
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import Token, now


@pytest.fixture
def ada(hub: RunningHub) -> str:
    """A new account's name."""
    name = f"ada-{uuid.uuid4().hex[:8]}"
    database = Database(hub.settings.database_url)
    accounts.add_user(database, name)
    database.close()
    return name


def token_of(
    hub: RunningHub, name: str, scope: str = "write", seconds: int | None = None
) -> tokens.IssuedToken:
    database = Database(hub.settings.database_url)
    issued = tokens.create_token(database, name, scope=scope, name="mine", expires_seconds=seconds)
    database.close()
    return issued


def revoke(hub: RunningHub, token_id: str) -> None:
    database = Database(hub.settings.database_url)
    tokens.revoke_token(database, token_id)
    database.close()


def test_the_cookie_is_out_of_reach_and_does_not_hold_the_token(
    hub: RunningHub, reader: Reader
) -> None:
    answer = reader.sign_in(hub.token)
    cookie = answer.headers["Set-Cookie"]
    assert answer.status == 303
    assert answer.headers["Location"] == "/account"
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert hub.token not in cookie


def test_behind_tls_the_cookie_is_for_https_and_this_host_alone(
    start: Callable[..., RunningHub], tmp_path: Path
) -> None:
    hub = start(folder=tmp_path / "tls", endpoint="https://hub.example.org")
    cookie = Reader(f"http://127.0.0.1:{hub.port}").get("/sign-in").headers["Set-Cookie"]
    assert cookie.startswith("__Host-ticket-session=")
    assert "Secure" in cookie
    assert "Path=/" in cookie


def test_a_page_that_needs_an_account_shows_the_form_and_leads_back(reader: Reader) -> None:
    page = reader.get("/account")
    assert page.status == 401
    assert 'name="next" value="/account"' in page.text


def test_a_wrong_token_signs_nobody_in(reader: Reader) -> None:
    page = reader.sign_in("th_wrong")
    assert page.status == 401
    assert "does not know this token" in page.text
    assert reader.get("/account").status == 401


def test_signing_out_ends_the_session(member: Reader) -> None:
    form = member.get("/account").form_token()
    assert member.post("/sign-out", {"form_token": form}).status == 303
    assert member.get("/account").status == 401


def test_a_revoked_token_ends_its_sessions_at_once(
    hub: RunningHub, ada: str, reader: Reader
) -> None:
    issued = token_of(hub, ada)
    reader.sign_in(issued.secret)
    assert reader.get("/account").status == 200
    revoke(hub, issued.id)
    page = reader.get("/account")
    assert page.status == 401
    assert "You were signed out: This token was revoked." in page.text


def test_a_session_ends_with_its_token(hub: RunningHub, ada: str, reader: Reader) -> None:
    issued = token_of(hub, ada, seconds=3600)
    reader.sign_in(issued.secret)
    database = Database(hub.settings.database_url)
    with database.write() as session:
        row = session.get(Token, issued.id)
        assert row is not None
        row.expires_at = now() - 1
    database.close()
    assert "This token has expired." in reader.get("/account").text


def test_a_token_that_has_ended_is_marked(hub: RunningHub, ada: str, reader: Reader) -> None:
    reader.sign_in(token_of(hub, ada, seconds=3600).secret)
    assert "ended" not in reader.get("/account").text
    issued = token_of(hub, ada, seconds=3600)
    database = Database(hub.settings.database_url)
    with database.write() as session:
        row = session.get(Token, issued.id)
        assert row is not None
        row.expires_at = now() - 1
    database.close()
    assert reader.get("/account").text.count(">ended<") == 1


def test_a_cookie_that_was_changed_is_nobodys(member: Reader) -> None:
    name, value = next(iter(member.cookies.items()))
    member.cookies[name] = value[:-1] + ("0" if value[-1] != "0" else "1")
    assert member.get("/account").status == 401


def test_forms_from_elsewhere_are_refused(member: Reader) -> None:
    form = member.get("/account").form_token()
    fields = {"form_token": form, "name": "x", "scope": "read", "days": "7"}
    assert member.post("/account/tokens", fields, Origin="https://evil.example").status == 403
    assert member.post("/account/tokens", fields, Origin="null").status == 403
    assert member.post("/account/tokens", fields, Sec_Fetch_Site="cross-site").status == 403
    assert member.post("/account/tokens", fields, Origin=member.endpoint).status == 200


def test_forms_without_their_token_or_of_another_visit_are_refused(
    member: Reader, reader: Reader
) -> None:
    fields = {"name": "x", "scope": "read", "days": "7"}
    other = reader.get("/sign-in").form_token()
    assert member.post("/account/tokens", fields).status == 403
    assert member.post("/account/tokens", {**fields, "form_token": other}).status == 403
    assert member.post("/account/tokens", {**fields, "form_token": "x.y"}).status == 403


def test_forms_are_small_and_plain(member: Reader) -> None:
    form = member.get("/account").form_token()
    assert member.post("/sign-out", {"form_token": form, "x": "y" * 70_000}).status == 413
    many = {f"f{n}": "" for n in range(200)}
    assert member.post("/sign-out", {"form_token": form, **many}).status == 400
    sent = {"Content_Type": "application/json"}
    assert member.post("/sign-out", {}, **sent).status in {403, 415}


def test_a_new_token_is_shown_once_and_works(
    hub: RunningHub, ada: str, reader: Reader, call: Callable[..., Any]
) -> None:
    reader.sign_in(token_of(hub, ada).secret)
    form = reader.get("/account").form_token()
    fields = {"form_token": form, "name": "laptop", "scope": "read", "days": "30"}
    page = reader.post("/account/tokens", fields)
    secret = re.search(r"hf_[\w-]{20,}", page.text)
    assert page.headers["Cache-Control"] == "no-store"
    assert secret is not None
    assert call("GET", "/api/whoami-v2", token=secret[0]).json["name"] == ada
    assert secret[0] not in reader.get("/account").text


def test_a_token_cannot_make_a_stronger_or_longer_one(
    hub: RunningHub, ada: str, reader: Reader
) -> None:
    reader.sign_in(token_of(hub, ada, "read", seconds=3600).secret)
    form = reader.get("/account").form_token()
    fields = {"form_token": form, "name": "more", "scope": "write", "days": ""}
    assert reader.post("/account/tokens", fields).status == 403
    assert reader.post("/account/tokens", {**fields, "scope": "read"}).status == 200
    assert "when revoked" not in reader.get("/account").text


def test_only_ones_own_tokens_can_be_revoked(hub: RunningHub, ada: str, reader: Reader) -> None:
    mine = token_of(hub, ada)
    database = Database(hub.settings.database_url)
    foreign = next(each for each in tokens.list_tokens(database) if each["account"] != ada)
    database.close()
    reader.sign_in(mine.secret)
    form = {"form_token": reader.get("/account").form_token()}
    assert reader.post(f"/account/tokens/{foreign['id']}/revoke", form).status == 404
    assert reader.post(f"/account/tokens/{mine.id}/revoke", form).status == 303
    assert reader.get("/account").status == 401


def test_a_token_in_the_header_opens_pages_too(hub: RunningHub, reader: Reader) -> None:
    assert reader.get("/account", Authorization=f"Bearer {hub.token}").status == 200
    assert reader.get("/account", Authorization="Bearer th_wrong").status == 401


def test_signing_in_and_out_in_a_browser(hub: RunningHub, visit: Visit) -> None:
    visit.sign_in(hub.token)
    page = visit.page
    page.get_by_label("Name").fill("from the browser")
    page.get_by_role("button", name="Make a token").click()
    assert page.locator(".note.good code").inner_text().startswith("hf_")
    page.get_by_role("button", name="Revoke from the browser").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert page.get_by_label("Token").is_visible()


def test_the_theme_can_be_chosen_and_is_kept(visit: Visit) -> None:
    page = visit.page
    page.goto("/sign-in")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate(background)
    page.reload()
    assert light != dark
    assert page.evaluate(background) == dark
