"""Sign-in by OpenID Connect, with a provider of our own on loopback."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("joserfc", reason="needs joserfc: pip install '.[oidc]'")

from joserfc.jwk import RSAKey

from tests.helpers.browsing import Reader, Reply
from tests.helpers.forked import running_hub
from tests.helpers.openid_provider import CLIENT, SECRET, Provider
from ticket_hub.errors import HubError
from ticket_hub_api.accounts import accounts
from ticket_hub_api.accounts.identities import is_allowed
from ticket_hub_api.background import RunningHub
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def provider(running: Provider) -> Iterator[Provider]:
    """The provider, whose user is Ada of the group that is let in."""
    running.user = {"sub": "1001", "preferred_username": "ada", "groups": ["lab"]}
    running.user |= {"name": "Ada L.", "email": "ada@example.org", "email_verified": True}
    yield running
    running.changes, running.published = {}, None


@pytest.fixture(scope="module")
def hub(running: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = Settings(
        folder=tmp_path_factory.mktemp("openid"),
        oidc_issuer=running.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_allow="groups=lab, email=*@colleagues.example",
        oidc_name="the lab's account",
    )
    with running_hub(settings) as started:
        yield started


def go(reader: Reader, address: str) -> Reply:
    """Follow an address to the provider, and what it sends the browser on to."""
    parts = urlsplit(address)
    there = Reader(f"{parts.scheme}://{parts.netloc}").get(f"{parts.path}?{parts.query}")
    back = urlsplit(there.headers["Location"])
    return reader.get(f"{back.path}?{back.query}")


def sign_in(hub: RunningHub, reader: Reader | None = None, following: str = "/account") -> Reply:
    reader = reader or Reader(hub.endpoint)
    begun = reader.get(f"/sign-in/openid?next={following}")
    assert begun.status == 303, begun.text
    return go(reader, begun.headers["Location"])


def users(hub: RunningHub) -> set[str]:
    database = Database(hub.settings.database_url)
    found = {row["name"] for row in accounts.account_names(database)}
    database.close()
    return found


def test_somebody_new_gets_an_account_and_the_same_one_the_next_time(
    hub: RunningHub, provider: Provider
) -> None:
    reader = Reader(hub.endpoint)
    assert "Sign in with the lab&#39;s account" in reader.get("/sign-in").text
    answer = sign_in(hub, reader)
    assert (answer.status, answer.headers["Location"]) == (303, "/account")
    assert "ada" in reader.get("/account").text
    provider.user["preferred_username"] = "ada-lovelace"  # a name may change, the subject stays
    before = users(hub)
    again = Reader(hub.endpoint)
    assert sign_in(hub, again).status == 303
    assert "ada" in again.get("/account").text
    assert users(hub) == before


def test_a_session_ends_for_good_at_the_sign_out(hub: RunningHub, provider: Provider) -> None:
    reader = Reader(hub.endpoint)
    sign_in(hub, reader)
    kept = dict(reader.cookies)
    form = reader.get("/account").form_token()
    assert reader.post("/sign-out", {"form_token": form}).status == 303
    assert Reader(hub.endpoint, kept).get("/account").status == 401


def test_nobody_gets_an_account_by_being_called_like_it(
    hub: RunningHub, provider: Provider
) -> None:
    database = Database(hub.settings.database_url)
    accounts.add_user(database, "grace")
    database.close()
    provider.user |= {"sub": "2002", "preferred_username": "Grace"}
    reader = Reader(hub.endpoint)
    assert sign_in(hub, reader).status == 303
    assert "Grace-2" in users(hub)
    assert "Grace-2" in reader.get("/account").text


def test_who_no_rule_lets_in_stays_out_and_has_no_account(
    hub: RunningHub, provider: Provider
) -> None:
    provider.user |= {"sub": "3003", "preferred_username": "mallory", "groups": ["others"]}
    answer = sign_in(hub)
    assert answer.status == 403
    assert "Ask who runs it to add a rule" in answer.text
    assert "mallory" not in users(hub)
    provider.user |= {"email": "m@colleagues.example", "email_verified": False}
    assert sign_in(hub).status == 403
    provider.user["email_verified"] = True
    assert sign_in(hub).status == 303


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nonce": "another"}, "another nonce"),
        ({"aud": "another-client"}, "another audience"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "another audience"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"exp": int(time.time()) - 3600}, "another time"),
        ({"sub": ""}, "another subject"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    hub: RunningHub, provider: Provider, changes: dict[str, Any], said: str
) -> None:
    provider.changes = changes
    answer = sign_in(hub)
    assert answer.status == 403
    assert said in answer.text
    assert "Sign in again" in answer.text


def test_a_token_that_another_key_has_signed_is_refused(
    hub: RunningHub, provider: Provider
) -> None:
    provider.published = RSAKey.generate_key(2048, {"kid": "1"})
    hub_keys_are_old = provider.key
    provider.key = RSAKey.generate_key(2048, {"kid": "2"})
    answer = sign_in(hub)
    assert answer.status == 403
    assert "no good signature" in answer.text
    provider.published = None  # the provider has changed its key, and says so: it is asked anew
    assert sign_in(hub).status == 303
    provider.key = hub_keys_are_old


def test_an_answer_to_another_try_is_refused(hub: RunningHub, provider: Provider) -> None:
    victim, attacker = Reader(hub.endpoint), Reader(hub.endpoint)
    begun = victim.get("/sign-in/openid").headers["Location"]
    theirs = attacker.get("/sign-in/openid").headers["Location"]
    mixed = go(victim, theirs)  # who would then work in the attacker's account
    assert mixed.status == 403
    assert "another try to sign in" in mixed.text
    fresh = go(Reader(hub.endpoint), begun)
    assert fresh.status == 403
    assert "has not begun to sign in" in fresh.text
    refused = victim.get("/sign-in/openid/callback?error=access_denied&state=x")
    assert refused.status == 403


def test_a_stolen_code_is_of_no_use_in_another_browser(hub: RunningHub, provider: Provider) -> None:
    thief = Reader(hub.endpoint)
    state = dict(
        pair.split("=", 1)
        for pair in urlsplit(thief.get("/sign-in/openid").headers["Location"]).query.split("&")
    )["state"]
    begun = Reader(hub.endpoint).get("/sign-in/openid").headers["Location"]
    parts = urlsplit(begun)
    there = Reader(provider.issuer).get(f"{parts.path}?{parts.query}")
    code = urlsplit(there.headers["Location"]).query.split("code=")[1].split("&")[0]
    answer = thief.get(f"/sign-in/openid/callback?code={code}&state={state}")
    assert answer.status == 403
    assert "did not take the code" in answer.text


def test_after_signing_in_one_goes_on_here_and_nowhere_else(
    hub: RunningHub, provider: Provider
) -> None:
    assert sign_in(hub, following="https://evil.example/").headers["Location"] == "/"
    assert sign_in(hub, following="//evil.example").headers["Location"] == "/"


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"OIDC_ISSUER": "http://idp.example"}, "no https:// address"),
        ({"OIDC_ISSUER": "https://idp.example"}, "lacks a setting"),
        (
            {
                "OIDC_ISSUER": "https://idp.example",
                "OIDC_CLIENT_ID": "x",
                "OIDC_ALLOW": "*",
                "OIDC_SCOPE": "admin",
            },
            "no scope for people who sign in",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(
    choices: dict[str, str], said: str
) -> None:
    with pytest.raises(HubError, match=said):
        Settings.from_environment({f"TICKET_HUB_{name}": text for name, text in choices.items()})


def test_a_rule_is_a_claim_and_its_value() -> None:
    claims = {"hd": "example.org", "groups": ["lab", "staff"], "admin": True}
    assert is_allowed("hd=example.org", claims)
    assert is_allowed("groups=staff", claims)
    assert is_allowed("hd=other, groups=lab", claims)
    assert not is_allowed("groups=la", claims)
    assert not is_allowed("hd=", {})
    assert not is_allowed("", claims)
    assert is_allowed("*", {})


def test_a_hub_without_a_provider_offers_none(
    start: Callable[..., RunningHub], tmp_path: Path
) -> None:
    reader = Reader(start(folder=tmp_path / "plain").endpoint)
    assert "/sign-in/openid" not in reader.get("/sign-in").text
    assert reader.get("/sign-in/openid").status == 404
