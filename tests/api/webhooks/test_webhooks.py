"""Webhooks: who is told what, signed and again and again, and where the hub sends nothing."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.helpers.calling import Caller
from tests.helpers.forked import running_hub
from ticket_hub.errors import HubError, HubNotFoundError
from ticket_hub.hub import connect, push
from ticket_hub_api import app as app_module
from ticket_hub_api import operation
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.accounts.principals import Principal
from ticket_hub_api.background import RunningHub
from ticket_hub_api.errors import ApiError
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.tables import SECOND, Repository, now
from ticket_hub_api.store.webhook_tables import Webhook, WebhookDelivery
from ticket_hub_api.webhooks import addresses, forgetting, hooks, sending
from ticket_hub_api.webhooks.listener import WebhookListener

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
API = "/api/v1/webhooks"


@dataclass
class Receiver:
    """Takes deliveries on loopback, and answers as it is told."""

    status: int = 204
    location: str = ""
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append((dict(self.headers), body))
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        end = time.monotonic() + seconds
        while len(self.taken) < count and time.monotonic() < end:
            time.sleep(0.05)
        return [json.loads(body) for _, body in self.taken]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def hub(shared: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub that may send to the shared receiver."""
    folder = tmp_path_factory.mktemp("hooked")
    with running_hub(
        Settings(folder=folder, webhook_hosts=shared.host, webhook_private=True)
    ) as started:
        yield started


@pytest.fixture(scope="module")
def database(new_database: Database) -> Database:
    """The database of a new hub with two accounts, of either kind."""
    for name in ("ada", "eve"):
        accounts.add_user(new_database, name)
    return new_database


def allowing(receiver: Receiver, **choices: Any) -> Settings:  # noqa: ANN401 - fields of Settings
    given: dict[str, Any] = {"webhook_hosts": receiver.host, "webhook_private": True}
    return Settings(**given | choices)


def told(database: Database, owner: str, settings: Settings, url: str) -> hooks.WebhookView:
    """A new webhook of an owner, to whom something has just happened."""
    made = database.transact(
        lambda session: hooks.add_webhook(session, settings, hooks.OPERATOR, url=url, owner=owner)
    )

    def happen(session: Any) -> None:  # noqa: ANN401 - a session
        account = accounts.find_account(session, owner)
        repository = Repository(
            owner_id=account.id, namespace=owner, name="digits", kind="model", visibility="private"
        )
        WebhookListener().judged(session, repository, {"evidence": "e" * 64, "levels": []})

    database.transact(happen)
    return made


def fate(database: Database, webhook: hooks.WebhookView) -> hooks.Delivery:
    """What became of the one delivery of a webhook."""
    (delivery,) = database.transact(
        lambda session: hooks.deliveries_of(session, hooks.OPERATOR, webhook.id)
    )
    return delivery


def make_due(database: Database, delivery: hooks.Delivery) -> None:
    """As if its pause were over."""

    def change(session: Any) -> None:  # noqa: ANN401 - a session
        session.get(WebhookDelivery, delivery.id).next_at = 0

    database.transact(change)


def test_a_push_and_its_verdict_are_told_and_signed(
    hub: RunningHub, shared: Receiver, evidence: dict[str, Any]
) -> None:
    call = Caller(hub.endpoint, hub.token)
    owner = call("GET", "/api/whoami-v2").json["name"]
    made = call("POST", API, {"url": shared.url, "owner": owner})
    assert made.status == 201, made.body
    listed = call("GET", API).json
    assert [(each["id"], each["secret"]) for each in listed] == [(made.json["id"], "")]
    push(connect(hub.endpoint, token=hub.token), GOLDEN, f"{owner}/told")
    sent = {"ticket": f"{owner}/told", "evidence": evidence}
    assert call("POST", "/api/v1/experiments", sent).status == 201
    events = shared.wait_for(3)
    pushes = [each for each in events if each["event"] == "push"]
    assert {each["repository"] for each in events} == {f"{owner}/told"}
    assert pushes[-1]["author"] == owner
    (verdict,) = (each for each in events if each["event"] == "verdict")
    words = {level["level"]: level["verdict"]["word"] for level in evidence["levels"]}
    assert {each["level"]: each["verdict"] for each in verdict["levels"]} == words
    for headers, body in shared.taken:
        moment, signed = headers["Ticket-Hub-Signature"].split(",")
        over = f"{moment.removeprefix('t=')}.".encode() + body
        expected = hmac.new(made.json["secret"].encode(), over, hashlib.sha256).hexdigest()
        assert signed == f"v1={expected}"
        assert abs(time.time() - int(moment.removeprefix("t="))) < 60
        assert headers["Ticket-Hub-Event"] == json.loads(body)["event"]
    fates = call("GET", f"{API}/{made.json['id']}/deliveries").json
    assert {each["state"] for each in fates} <= {"delivered", "waiting"}
    assert call("DELETE", f"{API}/{made.json['id']}").status == 204
    assert call("GET", API).json == []


def test_only_who_administers_an_owner_has_webhooks_of_it(
    hub: RunningHub, shared: Receiver
) -> None:
    database = Database(hub.settings.database_url)
    accounts.add_user(database, "mallory")
    secret = tokens.create_token(database, "mallory", scope="write").secret
    reading = tokens.create_token(database, "mallory", scope="read").secret
    database.close()
    call = Caller(hub.endpoint, hub.token)
    owner = call("GET", "/api/whoami-v2").json["name"]
    mallory = Caller(hub.endpoint, secret)
    for wanted in (owner, ""):
        assert mallory("POST", API, {"url": shared.url, "owner": wanted}).status == 403
    mine = mallory("POST", API, {"url": shared.url, "owner": "mallory"})
    assert mine.status == 201
    theirs = call("POST", API, {"url": shared.url, "owner": owner}).json["id"]
    assert [each["id"] for each in mallory("GET", API).json] == [mine.json["id"]]
    assert mallory("GET", f"{API}/{theirs}/deliveries").status == 404
    assert mallory("DELETE", f"{API}/{theirs}").status == 404
    assert Caller(hub.endpoint, reading)("DELETE", f"{API}/{mine.json['id']}").status == 403
    assert Caller(hub.endpoint, "")("GET", API).status == 401
    for each in (theirs, mine.json["id"]):
        assert call("DELETE", f"{API}/{each}").status == 204


def test_a_delivery_is_tried_again_after_longer_and_longer_pauses(
    database: Database, receiver: Receiver
) -> None:
    settings = allowing(receiver)
    hook = told(database, "ada", settings, receiver.url)
    receiver.status = 500
    pauses = []
    for number in range(1, len(sending.PAUSES) + 2):
        assert sending.deliver_due(database, settings) == 1
        assert sending.deliver_due(database, settings) == 0  # it is not due yet
        found = fate(database, hook)
        assert (found.tries, found.status) == (number, 500)
        assert found.problem == "It answered with 500."
        if found.state == "waiting":
            pauses.append(round((found.next_at - time.time_ns() / 1000) / SECOND, -1))
        make_due(database, found)
    assert found.state == "failed"
    assert pauses == sorted(pauses)
    assert sending.deliver_due(database, settings) == 0
    assert len(receiver.taken) == len(sending.PAUSES) + 1
    database.transact(lambda session: hooks.remove_webhook(session, hooks.OPERATOR, hook.id))


def test_an_address_that_cannot_be_sent_to_keeps_nothing_from_the_others(
    database: Database, receiver: Receiver
) -> None:
    settings = allowing(receiver)
    hook, other = (told(database, "ada", settings, receiver.url) for _ in range(2))

    def change(session: Any) -> None:  # noqa: ANN401 - a session
        """As earlier versions took it."""
        session.get(Webhook, hook.id).url = f"{receiver.url}/h\u00f6ren"

    database.transact(change)
    assert sending.deliver_due(database, settings) == 3  # the second event is for both
    assert len(receiver.taken) == 1
    database.transact(lambda session: hooks.remove_webhook(session, hooks.OPERATOR, hook.id))
    database.transact(lambda session: hooks.remove_webhook(session, hooks.OPERATOR, other.id))


def test_a_service_goes_on_sending_when_something_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, tries = Settings(folder=tmp_path, webhook_hosts="hooks.example.org"), []

    def fail(*_given: object) -> None:
        tries.append(1)
        raise ValueError("nobody expected this")

    prepare(settings, host="127.0.0.1", port=1)
    monkeypatch.setattr(app_module, "WEBHOOK_SECONDS", 0.01)
    monkeypatch.setattr(app_module, "deliver_due", fail)
    app = app_module.create_app(settings)

    async def serve() -> None:
        async with app.router.lifespan_context(app):
            for _ in range(500):
                if len(tries) > 1:
                    return
                await asyncio.sleep(0.02)

    with ThreadPoolExecutor(1) as aside:
        aside.submit(lambda: asyncio.run(serve())).result()
    assert len(tries) > 1


def test_two_processes_send_a_delivery_once(database: Database, receiver: Receiver) -> None:
    settings = allowing(receiver)
    hook = told(database, "ada", settings, receiver.url)
    threads = [
        threading.Thread(target=sending.deliver_due, args=(database, settings)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.taken) == 1
    assert fate(database, hook).state == "delivered"
    database.transact(lambda session: hooks.remove_webhook(session, hooks.OPERATOR, hook.id))


def test_what_was_tried_long_ago_is_forgotten_and_the_rest_stays(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = allowing(receiver)
    hook = told(database, "ada", settings, receiver.url)
    month = forgetting.KEPT_SECONDS * SECOND

    def live(session: Any) -> None:  # noqa: ANN401 - a session
        """Of each state one that is a month old, and one that is a minute younger."""
        for state in ("delivered", "failed", "waiting"):
            for age in (month + 60 * SECOND, month - 60 * SECOND):
                row = WebhookDelivery(webhook_id=hook.id, event="push", body="{}", state=state)
                row.next_at = now() - age
                session.add(row)

    database.transact(live)
    monkeypatch.setattr(forgetting, "_BATCH", 2)
    assert forgetting.forget_deliveries(database) == 3
    assert forgetting.forget_deliveries(database) == 0
    left = database.transact(lambda session: hooks.deliveries_of(session, hooks.OPERATOR, hook.id))
    assert sorted(each.state for each in left) == ["delivered", "failed", "waiting", "waiting"]
    database.transact(lambda session: hooks.remove_webhook(session, hooks.OPERATOR, hook.id))


def test_a_service_forgets_by_itself(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(folder=tmp_path)  # it sends nothing any more
    prepare(settings, host="127.0.0.1", port=1)
    monkeypatch.setattr(app_module, "FORGET_SECONDS", 0.01)
    monkeypatch.setattr(forgetting, "KEPT_SECONDS", 0)
    app = app_module.create_app(settings)
    database: Database = app.state.services.database
    accounts.add_user(database, "ada")
    hook = told(database, "ada", allowing(receiver), receiver.url)

    def known() -> list[hooks.Delivery]:
        return database.transact(
            lambda session: hooks.deliveries_of(session, hooks.OPERATOR, hook.id)
        )

    async def serve() -> None:
        async with app.router.lifespan_context(app):
            for _ in range(500):
                if not await asyncio.to_thread(known):
                    return
                await asyncio.sleep(0.02)

    assert len(known()) == 1
    # In a thread: a browser's event loop of other tests may hold this one.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(lambda: asyncio.run(serve())).result()
    reopened = Database(settings.database_url)
    with reopened.read() as connection:
        assert connection.scalars(select(WebhookDelivery.id)).all() == []
    reopened.close()


def test_no_redirect_is_followed(database: Database, receiver: Receiver, shared: Receiver) -> None:
    settings = allowing(receiver)
    receiver.status, receiver.location = 307, shared.url
    before = len(shared.taken)
    hook = told(database, "ada", settings, receiver.url)
    sending.deliver_due(database, settings)
    assert len(receiver.taken) == 1
    assert len(shared.taken) == before
    assert fate(database, hook).problem == "It answered with 307."
    database.transact(lambda session: hooks.remove_webhook(session, hooks.OPERATOR, hook.id))


def test_a_host_that_is_taken_off_the_list_gets_nothing_more(
    database: Database, receiver: Receiver
) -> None:
    hook = told(database, "ada", allowing(receiver), receiver.url)
    sending.deliver_due(database, allowing(receiver, webhook_hosts="elsewhere.example"))
    assert receiver.taken == []
    assert "sends no webhooks to '127.0.0.1'" in fate(database, hook).problem
    database.transact(lambda session: hooks.remove_webhook(session, hooks.OPERATOR, hook.id))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),  # by a translator of its network 127.0.0.1
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("224.0.0.1", False),
    ],
)
def test_a_name_that_leads_into_a_private_network_is_refused(
    address: str, *, public: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answer = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    settings = Settings(webhook_hosts="hooks.example.org")
    if public:
        target = addresses.resolve(settings, "https://hooks.example.org/a?b=c")
        assert (target.address, target.path) == (address, "/a?b=c")
    else:
        with pytest.raises(HubError, match="not a public address"):
            addresses.resolve(settings, "https://hooks.example.org/a")


def test_of_several_addresses_none_may_be_private(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(HubError, match=r"10\.0\.0\.1"):
        addresses.resolve(Settings(webhook_hosts="hooks.example.org"), "https://hooks.example.org")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://other.example.org/",
        "https://hooks.example.org.evil.example/",
        "https://hooks.example.org:8443/",
        "https://user@hooks.example.org/",
        "https://hooks.example.org\n.evil.example/",
        "ftp://hooks.example.org/",
        "https:///hook",
        "https://hooks.example.org:port/",
        "https://hooks.example.org/h\u00f6ren",
        "https://hooks.example.org/a hook",
    ],
)
def test_an_address_that_is_not_on_the_list_is_refused(url: str) -> None:
    settings = Settings(webhook_hosts="hooks.example.org:443, Hooks.Example.org")
    addresses.check_address(settings, "https://HOOKS.example.org/a")
    if url == "https://hooks.example.org:8443/":
        settings = Settings(webhook_hosts="hooks.example.org:443")
    with pytest.raises(HubError):
        addresses.check_address(settings, url)
    with pytest.raises(HubError):
        addresses.check_address(Settings(), "https://hooks.example.org/")  # no list, no webhooks


def test_an_operator_sees_to_webhooks_from_the_command_line(
    tmp_path: Path, receiver: Receiver
) -> None:
    settings = allowing(receiver, folder=tmp_path / "hub")
    operation.add_user(settings, "ada")
    made = operation.add_webhook(settings, receiver.url, owner="ada", events=["verdict"])
    (listed,) = operation.list_webhooks(settings)
    assert (listed["id"], listed["events"], listed["secret"]) == (made["id"], ("verdict",), "")
    assert operation.list_deliveries(settings, made["id"]) == []
    assert list(operation.find_damage(settings, contents=False)) == []
    operation.remove_webhook(settings, made["id"])
    with pytest.raises(HubNotFoundError, match="no webhook"):
        operation.remove_webhook(settings, made["id"])
    with pytest.raises(HubNotFoundError, match="no account 'bob'"):
        operation.add_webhook(settings, receiver.url, owner="bob")


def test_a_stranger_is_refused_by_the_library_too(database: Database, receiver: Receiver) -> None:
    eve = Principal(account_id="0" * 24, name="eve", scope="write")
    with pytest.raises(ApiError, match="Only who administers ada"):
        database.transact(
            lambda session: hooks.add_webhook(
                session, allowing(receiver), eve, url=receiver.url, owner="ada"
            )
        )
