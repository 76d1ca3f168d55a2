"""What the hub does not do it says, instead of answering 200 or breaking down."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.dependencies.models import Dependant
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from ticket_hub_api.accounts import accounts
from ticket_hub_api.app import create_app, scopes_of
from ticket_hub_api.serving import prepare
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database

Call = Callable[..., Any]
NUMBERS = [
    "9" * 23,
    "9" * 400,
    "9" * 5000,
    "-1",
    "-" + "9" * 30,
    "1e400",
    "nan",
    "inf",
    "true",
    "٣",
]
PARAMETERS = ["limit", "p", "num_parameters", "cursor", "direction", "recursive", "expand", "blobs"]


@pytest.mark.parametrize("bound", ["min", "max"])
@pytest.mark.parametrize("number", ["9" * 15 + "T", "9" * 23, "9" * 400, "9" * 15])
def test_a_listing_survives_any_number(call: Call, bound: str, number: str) -> None:
    answer = call("GET", f"/api/models?num_parameters={bound}:{number}")
    assert answer.status in {200, 400}
    if answer.status == 200 and bound == "min":
        assert answer.json == []


def parameters_of(dependant: Dependant) -> set[str]:
    """The names of a route's parameters in the query, its dependencies' too."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*map(parameters_of, dependant.dependencies))


def addresses(folder: Path) -> Iterator[str]:
    """Each way to read, with each of its parameters set to `*` in turn."""
    settings = Settings(folder=folder)
    prepare(settings, host="127.0.0.1", port=1)
    app = create_app(settings)
    app.state.services.close()
    names = {"{kind}": "models", "{revision}": "main", "{path}": "x", "{level}": "0"}
    for route, _ in scopes_of(app):
        path = route.path_format
        if "GET" not in (route.methods or ()) or "events" in path:  # events go on and on
            continue
        if "{level}" in path:
            yield re.sub(r"{\w+}", "0" * 24, path.replace("{level}", "*"))
        filled = re.sub(r"{\w+}", lambda part: names.get(part[0], "0" * 24), path)
        for name in sorted(parameters_of(route.dependant)):
            yield f"{filled}?{name}=*"


def test_no_number_makes_a_read_break_down(call: Call, tmp_path: Path) -> None:
    asked = 0
    for address in addresses(tmp_path):
        for number in ("9" * 23, "9" * 400):
            answer = call("GET", address.replace("*", number))
            assert answer.status < 500 or answer.status == 501, (address, number, answer.body)
            asked += 1
    assert asked > 50


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "path", ["/api/models", "/api/models/{}/commits/main", "/api/models/{}/tree/main"]
)
def test_listings_and_histories_survive_odd_numbers(
    call: Call, repository: str, path: str, number: str
) -> None:
    for name in PARAMETERS:
        answer = call("GET", f"{path.format(repository)}?{name}={quote(number)}")
        assert answer.status in {200, 400, 501}, (name, answer.body)


def test_a_cursor_of_deep_brackets_is_refused(call: Call) -> None:
    for text in ("[" * 9000, '[true, "a"]', f'[{"9" * 30}, "a"]', '[1.5, "a"]'):
        cursor = base64.urlsafe_b64encode(text.encode()).decode()
        assert call("GET", f"/api/models?cursor={cursor}").status == 400


BOOLEANS = [
    ("/api/models/{}/preupload/main", {"files": [{"path": "a", "sample": "", "size": True}]}),
    ("/{}.git/info/lfs/objects/batch",
     {"operation": "upload", "objects": [{"oid": "0" * 64, "size": True}]}),
    ("/{}.git/info/lfs/objects/verify", {"oid": "0" * 64, "size": True}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), BOOLEANS)
def test_true_is_no_number_in_the_protocol(
    call: Call, repository: str, path: str, body: dict[str, Any]
) -> None:
    assert call("POST", path.format(repository), body).status == 400
    size = {
        "key": "lfsFile",
        "value": {"path": "a", "algo": "sha256", "oid": "0" * 64, "size": True},
    }
    lines = [{"key": "header", "value": {"summary": "x"}}, size]
    answer = call(
        "POST", f"/api/models/{repository}/commit/main", "\n".join(map(json.dumps, lines)).encode()
    )
    assert "has no size" in answer.json["error"]


@pytest.mark.parametrize("size", [-1, 2**63, 10**400, 1.5, "many"])
def test_sizes_have_bounds(call: Call, repository: str, size: object) -> None:
    objects = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": size}]}
    answer = call("POST", f"/{repository}.git/info/lfs/objects/batch", objects)
    assert answer.status == 400


@pytest.mark.parametrize(
    "field",
    ["iterations", "batch_size", "lr", "evaluate_every", "trials", "priority", "levels", "seed"],
)
def test_true_is_no_number_in_a_job(call: Call, owner: str, field: str) -> None:
    body = {"kind": "find", "recipe": "digits-quick", "repository": f"{owner}/x", field: True}
    answer = call("POST", "/api/v1/jobs/estimate", body)
    assert answer.status == 422
    assert answer.json["errors"][0]["where"].endswith(field)


def test_gating_is_not_supported_and_says_so(call: Call, api: HfApi, repository: str) -> None:
    for mode in ("auto", "manual"):
        answer = call("PUT", f"/api/models/{repository}/settings", {"gated": mode})
        assert (answer.status, answer.headers["X-Error-Code"]) == (501, "NotSupported")
        assert "private" in answer.json["error"]
    api.update_repo_settings(repository, gated=False)
    assert api.model_info(repository).gated is False
    assert repository not in [item.id for item in api.list_models(gated=True, limit=1000)]
    assert call("GET", "/api/models?gated=perhaps").status == 400


@pytest.mark.parametrize(
    "name", ["inference_provider=x", "apps=x", "inference=warm", "likes=3", "authors=x"]
)
def test_a_filter_that_the_hub_does_not_know_is_not_passed_over(call: Call, name: str) -> None:
    answer = call("GET", f"/api/models?{name}")
    assert (answer.status, answer.headers["X-Error-Code"]) == (501, "NotSupported")


@pytest.mark.parametrize(
    "path",
    [
        "/api/models/{}/revision/refs%2Fpr%2F1",
        "/api/models/{}/tree/refs%2Fpr%2F1",
        "/{}/resolve/refs%2Fpr%2F1/x",
    ],
)
def test_pull_requests_are_not_supported_as_revisions(
    call: Call, repository: str, path: str
) -> None:
    answer = call("GET", path.format(repository))
    assert (answer.status, answer.headers["X-Error-Code"]) == (501, "NotSupported")


@pytest.mark.parametrize("name", ["main", "HEAD", "Main"])
def test_no_tag_or_branch_takes_the_name_of_the_default_branch(
    call: Call, repository: str, name: str
) -> None:
    assert call("POST", f"/api/models/{repository}/tag/main", {"tag": name}).status == 400
    assert call("POST", f"/api/models/{repository}/branch/{name}", {}).status == 400
    assert call("GET", f"/api/models/{repository}/refs").json["tags"] == []


def test_a_name_is_a_branch_or_a_tag(call: Call, repository: str) -> None:
    assert call("POST", f"/api/models/{repository}/branch/one", {}).status == 200
    assert call("POST", f"/api/models/{repository}/tag/main", {"tag": "one"}).status == 400
    assert call("POST", f"/api/models/{repository}/tag/main", {"tag": "two"}).status == 200
    assert call("POST", f"/api/models/{repository}/branch/two", {}).status == 400


def test_profiles_tell_what_the_caller_may_see(
    call: Call, api: HfApi, owner: str, database: Database, repository: str
) -> None:
    lab = f"lab-{uuid.uuid4().hex[:8]}"
    accounts.add_organization(database, lab, full_name="The lab")
    accounts.add_member(database, lab, owner, "write")
    user = api.get_user_overview(owner)
    assert (user.username, lab in [org.name for org in user.orgs]) == (owner, True)
    assert (user.num_models or 0) >= 1
    organization = api.get_organization_overview(lab)
    assert (organization.fullname, organization.num_users) == ("The lab", 1)
    for missing in (f"/api/users/{lab}/overview", "/api/organizations/nobody/overview"):
        answer = call("GET", missing)
        assert answer.status == 404
        assert "There is no" in answer.json["error"]
    with pytest.raises(HfHubHTTPError, match="501"):
        list(api.list_organization_members(lab))
    assert call("GET", f"/api/users/{owner}/overview", token="").status == 401
