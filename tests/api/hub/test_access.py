"""Who may do what. Deny by default."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from ticket_hub.errors import HubConflictError, HubError
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.accounts.principals import Scope
from ticket_hub_api.app import ROUTERS, create_app, scopes_of
from ticket_hub_api.background import RunningHub
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database

Call = Callable[..., Any]


def new_user(database: Database, scope: str = "write") -> tuple[str, str]:
    name = f"u{uuid.uuid4().hex[:8]}"
    accounts.add_user(database, name)
    return name, tokens.create_token(database, name, scope=scope).secret


def test_every_route_declares_its_scope(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path)
    prepare(settings, host="127.0.0.1", port=1)
    app = create_app(settings)
    known = {value for name, value in vars(Scope).items() if name.isupper() and name != "TOKENS"}
    declared = {scope for _, scope in scopes_of(app)}
    assert declared
    assert declared <= known
    app.state.services.close()


def test_no_account_can_have_a_name_that_the_services_own_addresses_begin_with() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    first = {route.path.split("/")[1] for route in routes if isinstance(route, APIRoute)}
    own = {name for name in first if name[:1].isalnum()}
    assert {"api", "leaderboard", "xet"} <= own
    assert {name for name in own if not accounts.is_reserved(name)} == set()


def test_an_application_with_a_route_without_scope_does_not_start(tmp_path: Path) -> None:
    from fastapi import APIRouter

    from ticket_hub_api import app as module

    settings = Settings(folder=tmp_path)
    prepare(settings, host="127.0.0.1", port=1)
    router = APIRouter()

    @router.get("/open")
    def open_to_all() -> str:
        return "no"

    with pytest.raises(RuntimeError, match="/open"):
        module.create_app(settings, [*module.ROUTERS, router])


EXPECTED = {
    Scope.ANYONE: {"none": True, "bad": False, "read": True, "write": True, "admin": True},
    Scope.READ: {"none": False, "bad": False, "read": True, "write": True, "admin": True},
    Scope.WRITE: {"none": False, "bad": False, "read": False, "write": True, "admin": True},
    Scope.ADMIN: {"none": False, "bad": False, "read": False, "write": False, "admin": True},
    Scope.SIGNED: dict.fromkeys(["none", "bad", "read", "write", "admin"], False),
    Scope.XET_READ: dict.fromkeys(["none", "bad", "read", "write", "admin"], False),
    Scope.XET_WRITE: dict.fromkeys(["none", "bad", "read", "write", "admin"], False),
}


def test_every_route_admits_exactly_whom_it_declares(
    hub: RunningHub, call: Call, database: Database, tmp_path: Path
) -> None:
    tokens = {"none": "", "bad": "th_wrong", "expired": expired(database)}
    tokens |= {scope: new_user(database, scope)[1] for scope in ("read", "write", "admin")}
    settings = Settings(folder=tmp_path)
    prepare(settings, host="127.0.0.1", port=1)
    app = create_app(settings)
    cells = 0
    for route, scope in scopes_of(app):
        path = route.path_format
        expected = {**EXPECTED[scope], "expired": False}
        for method in sorted(route.methods or ()):
            for kind, secret in tokens.items():
                answer = call(method, fill(path), b"", token=secret)
                admitted = not refused(answer)
                assert admitted == expected[kind], (method, path, kind, answer.status)
                assert answer.status < 500 or answer.status == 501
                cells += 1
    app.state.services.close()
    assert cells > 300


def fill(path: str) -> str:
    names = {"{kind}": "models", "{namespace}": "nobody", "{name}": "nothing", "{path}": "x",
             "{rest}": "x", "{id}": "0" * 64, "{owner}": "nobody", "{level}": "1",
             "{access}": "read", "{prefix}": "default", "{value}": "0" * 64,
             "{signed}": "x.y", "{job_id}": "0" * 24, "{webhook_id}": "0" * 24,
             "{generation}": "g", "{revision}": "main", "{branch}": "b", "{tag}": "t"}  # fmt: skip
    for name, value in names.items():
        path = path.replace(name, value)
    return path


REFUSALS = (
    "Sign in with a token", "Invalid credentials", "This needs a token", "has expired",
    "The signature of this address",
)  # fmt: skip


def refused(answer: Any) -> bool:  # noqa: ANN401 - what `call` gives
    message = answer.headers.get("X-Error-Message", "")
    if "problem+json" in answer.headers.get("Content-Type", "") and answer.body:
        message = answer.json["detail"]
    return (answer.status in {401, 403} and message.startswith(REFUSALS)) or "expired" in message


def expired(database: Database) -> str:
    from ticket_hub_api.store.tables import Token, now

    name, _ = new_user(database)
    issued = tokens.create_token(database, name, scope="admin", expires_seconds=60)
    with database.write() as session:
        row = session.get(Token, issued.id)
        assert row is not None
        row.expires_at = now() - 1
    return issued.secret


def test_a_token_ends_when_it_is_revoked_and_with_its_account(
    call: Call, database: Database
) -> None:
    name, secret = new_user(database)
    issued = tokens.create_token(database, name, scope="read")
    assert call("GET", "/api/whoami-v2", token=issued.secret).status == 200
    tokens.revoke_token(database, issued.id)
    assert call("GET", "/api/whoami-v2", token=issued.secret).status == 401
    assert call("GET", "/api/whoami-v2", token=secret).status == 200
    accounts.set_disabled(database, name, disabled=True)
    assert call("GET", "/api/whoami-v2", token=secret).status == 401
    accounts.set_disabled(database, name, disabled=False)
    assert call("GET", "/api/whoami-v2", token=secret).status == 200


def test_a_bad_token_is_refused_even_where_none_is_needed(call: Call) -> None:
    assert call("GET", "/api/models", token="wrong").status == 401


def test_secrets_are_stored_hashed(hub: RunningHub, database: Database) -> None:
    _, secret = new_user(database)
    with database.write():
        pass
    for path in hub.settings.folder.rglob("*"):
        if path.is_file() and path.name != "token":
            assert secret.encode() not in path.read_bytes(), path


def test_members_reach_what_their_role_allows(call: Call, database: Database) -> None:
    lab = f"lab{uuid.uuid4().hex[:8]}"
    accounts.add_organization(database, lab)
    people = {role: new_user(database) for role in ("read", "write", "admin", "outside")}
    for role, (name, _) in people.items():
        if role != "outside":
            accounts.add_member(database, lab, name, role)
    body = {"name": "net", "organization": lab, "private": True}
    made = {r: call("POST", "/api/repos/create", body, token=people[r][1]).status for r in people}
    assert made == {"read": 403, "write": 200, "admin": 409, "outside": 403}
    path = f"/api/models/{lab}/net"
    seen = {role: call("GET", path, token=secret).status for role, (_, secret) in people.items()}
    assert seen == {"read": 200, "write": 200, "admin": 200, "outside": 404}
    change = {"private": False}
    done = {r: call("PUT", f"{path}/settings", change, token=people[r][1]).status for r in people}
    assert done == {"read": 403, "write": 403, "admin": 200, "outside": 403}
    assert call("GET", path, token=people["outside"][1]).status == 200
    assert call("GET", path, token="").status == 401
    remove = {"name": "net", "organization": lab}
    gone = {
        r: call("DELETE", "/api/repos/delete", remove, token=people[r][1]).status for r in people
    }
    assert gone == {"read": 403, "write": 403, "admin": 200, "outside": 404}


def test_a_read_token_cannot_write_to_its_own_repositories(call: Call, database: Database) -> None:
    name, secret = new_user(database)
    reader = tokens.create_token(database, name, scope="read").secret
    assert call("POST", "/api/repos/create", {"name": "mine"}, token=secret).status == 200
    assert call("GET", f"/api/models/{name}/mine/auth-check", token=reader).status == 200
    assert call("GET", f"/api/models/{name}/mine/auth-check/write", token=reader).status == 403
    assert call("POST", f"/api/models/{name}/mine/commit/main", b"", token=reader).status == 403


def test_nobody_takes_a_private_file_by_its_digest(call: Call, database: Database) -> None:
    import hashlib
    import json

    owner, thief = new_user(database), new_user(database)
    content = uuid.uuid4().bytes
    sha256 = hashlib.sha256(content).hexdigest()
    for (_, secret), private in ((owner, True), (thief, False)):
        call("POST", "/api/repos/create", {"name": "r", "private": private}, token=secret)
    batch = {
        "operation": "upload",
        "transfers": ["basic"],
        "objects": [{"oid": sha256, "size": 16}],
    }
    entry = f"/{owner[0]}/r.git/info/lfs/objects/batch"
    offer = call("POST", entry, batch, token=owner[1]).json["objects"][0]["actions"]["upload"]
    where = offer["href"].removeprefix(call.endpoint)  # type: ignore[attr-defined]
    assert call("PUT", where, content, token="").status == 200
    value = {"path": "a.bin", "algo": "sha256", "oid": sha256, "size": 16}
    lines = [{"key": "header", "value": {"summary": "x"}}, {"key": "lfsFile", "value": value}]
    body = "\n".join(map(json.dumps, lines)).encode()
    assert call("POST", f"/api/models/{thief[0]}/r/commit/main", body, token=thief[1]).status == 400
    theft = call("POST", f"/{thief[0]}/r.git/info/lfs/objects/batch", batch, token=thief[1])
    assert "actions" in theft.json["objects"][0]
    assert call("POST", f"/api/models/{owner[0]}/r/commit/main", body, token=owner[1]).status == 200


def test_a_hub_that_others_reach_needs_accounts_first(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path)
    with pytest.raises(HubError, match="no account"):
        prepare(settings, host="0.0.0.0", port=1)
    database = Database(settings.database_url)
    accounts.add_user(database, "ada")
    database.close()
    assert prepare(settings, host="0.0.0.0", port=1).account == ""


def test_the_first_account_is_made_on_loopback_only_once(tmp_path: Path) -> None:
    settings = Settings(folder=tmp_path)
    first = prepare(settings, host="127.0.0.1", port=1)
    assert first.token_file is not None
    secret = first.token_file.read_text()
    assert first.token_file.stat().st_mode & 0o077 == 0
    assert prepare(settings, host="127.0.0.1", port=1).account == ""
    assert first.token_file.read_text() == secret


@pytest.mark.parametrize("name", ["", "a b", "../x", "api", "-a", "a/b", "x" * 97, "a..b"])
def test_impossible_account_names_are_refused(database: Database, name: str) -> None:
    with pytest.raises(HubError):
        accounts.add_user(database, name)


def test_names_that_differ_by_case_only_are_one(database: Database) -> None:
    name, _ = new_user(database)
    with pytest.raises(HubConflictError):
        accounts.add_user(database, name.upper())
