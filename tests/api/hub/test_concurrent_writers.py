"""Whoever writes the same content or name at the same moment as others gets what they get alone."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from tests.helpers.chunked import Sent
from tests.helpers.experiments import evidence_table
from tests.helpers.inside import Inside, open_inside
from ticket_hub.errors import HubConflictError
from ticket_hub_api.accounts import accounts, tokens
from ticket_hub_api.background import RunningHub
from ticket_hub_api.catalog.evidence_store import receive_evidence
from ticket_hub_api.jobs import operations, quotas
from ticket_hub_api.jobs.requests import FindIn
from ticket_hub_api.maintenance.check import check
from ticket_hub_api.settings import Settings
from ticket_hub_api.store.database import Database
from ticket_hub_api.store.migrate import migrate
from ticket_hub_api.store.names import RepositoryKey
from ticket_hub_api.store.repositories import RepositoryRow, move_repository
from ticket_hub_api.store.signing import load_signer

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
WRITERS, ROUNDS = 4, 3


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def inside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Inside]:
    """A hub of either kind; at the end of all tests nothing of it is damaged."""
    database = ""
    if request.param == "postgresql":
        database = request.getfixturevalue("shared_database")
    settings = Settings(folder=tmp_path_factory.mktemp("inside"), database=database)
    opened = open_inside(settings)
    yield opened
    assert list(check(opened.services.database, opened.services.blobs)) == []
    opened.services.close()


@pytest.fixture(scope="module")
def rows(inside: Inside) -> list[RepositoryRow]:
    """A repository for each writer."""
    return [inside.repository(f"of-{writer}") for writer in range(WRITERS)]


@dataclass
class AtOnce:
    """Several threads that do the same at the same moment, time and again."""

    def __call__(self, act: Callable[[int, int], Any], rounds: int = ROUNDS) -> list[list[Any]]:
        """What `act(writer, round)` gave or raised, for each round."""
        together = threading.Barrier(WRITERS)

        def write(writer: int) -> list[Any]:
            found: list[Any] = []
            for turn in range(rounds):
                together.wait(60)
                try:
                    found.append(act(writer, turn))
                except Exception as error:  # noqa: BLE001 - which one is what is looked at
                    found.append(error)
            return found

        with ThreadPoolExecutor(WRITERS) as pool:
            return list(map(list, zip(*pool.map(write, range(WRITERS)), strict=True)))


at_once = AtOnce()


def no_errors(results: list[list[Any]]) -> bool:
    failed = [each for row in results for each in row if isinstance(each, Exception)]
    assert failed == []
    return True


def test_a_new_content_in_several_repositories(inside: Inside, rows: list[RepositoryRow]) -> None:
    def act(writer: int, turn: int) -> None:
        content = f"content {turn:11}".encode()
        assert len(content) == 20 - 1
        inside.commit(rows[writer], {"a.txt": content, f"{writer}.txt": content[::-1]})

    assert no_errors(at_once(act))


def test_new_contents_in_another_order_each(inside: Inside, rows: list[RepositoryRow]) -> None:
    """Two that wait for each other: one of them begins again."""

    def act(writer: int, turn: int) -> None:
        files = {f"{number}.txt": f"{number} of {turn}".encode() for number in range(20)}
        order = list(files.items())[:: 1 if writer % 2 else -1]
        inside.commit(rows[writer], dict(order))

    assert no_errors(at_once(act))


def test_a_large_object(inside: Inside, rows: list[RepositoryRow]) -> None:
    def act(writer: int, turn: int) -> None:
        sha256 = inside.send_whole(rows[writer], b"large" * (1000 + turn))
        inside.commit(rows[writer], {}, {"w.bin": sha256})

    assert no_errors(at_once(act))


def test_a_large_object_for_one_repository(inside: Inside, rows: list[RepositoryRow]) -> None:
    assert no_errors(at_once(lambda _, turn: inside.send_whole(rows[0], b"one" * (999 + turn))))


def test_chunks_and_the_same_content_whole(inside: Inside, rows: list[RepositoryRow]) -> None:
    def act(writer: int, turn: int) -> None:
        sent = Sent(bytes([turn]) * 300, bytes([turn]) * 500)
        if writer:
            sha256 = inside.send_chunks(rows[writer], sent)
        else:
            sha256 = inside.send_whole(rows[writer], sent.content)
        inside.commit(rows[writer], {}, {"c.bin": sha256})

    assert no_errors(at_once(act))


def test_a_bundle_that_nobody_has_pushed_before(
    inside: Inside, rows: list[RepositoryRow], tmp_path: Path
) -> None:
    bundle = {
        path.relative_to(GOLDEN).as_posix(): path.read_bytes()
        for path in sorted(GOLDEN.rglob("*"))
        if path.is_file() and path.name != "README.md"
    }
    assert no_errors(at_once(lambda writer, _: inside.commit(rows[writer], bundle), rounds=1))
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    repo, database = rows[0].full_name, inside.services.database

    def send(_: int, turn: int) -> bool:
        table = evidence_table(folder, seed=turn)
        return database.transact(lambda s: receive_evidence(s, inside.ada, repo, table))[1]

    results = at_once(send)
    assert no_errors(results)
    assert [sorted(made) for made in results] == [[False, False, False, True]] * ROUNDS


def test_a_repository(inside: Inside) -> None:
    results = at_once(lambda _, turn: inside.create(f"new-{turn}"))
    assert no_errors(results)
    for found in results:
        assert len({row.id for row, _ in found}) == 1
        assert sorted(made for _, made in found) == [False, False, False, True]


def test_a_name_that_several_move_to(inside: Inside) -> None:
    rows = [[inside.repository(f"from-{w}-{turn}") for turn in range(3)] for w in range(WRITERS)]

    def act(writer: int, turn: int) -> None:
        source = RepositoryKey("model", rows[writer][turn].full_name)
        inside.services.database.transact(
            lambda session: move_repository(session, inside.ada, source, f"ada/to-{turn}")
        )

    for found in at_once(act, rounds=3):
        assert sorted(getattr(each, "status", 200) for each in found) == [200, 409, 409, 409]


def test_an_account(inside: Inside) -> None:
    database = inside.services.database
    for found in at_once(lambda _, turn: accounts.add_user(database, f"user-{turn}")):
        refused = [each for each in found if each is not None]
        assert [type(each) for each in refused] == [HubConflictError] * (WRITERS - 1)


def test_a_membership_and_a_quota(inside: Inside) -> None:
    database = inside.services.database
    for turn in range(ROUNDS):
        accounts.add_organization(database, f"lab-{turn}")
    roles = ("read", "write", "admin", "write")
    lab = "lab-{}".format
    change = accounts.add_member
    assert no_errors(at_once(lambda w, turn: change(database, lab(turn), "ada", roles[w])))
    assert no_errors(at_once(lambda w, turn: quotas.set_quota(database, lab(turn), w)))


def test_one_account_changed_in_several_ways(inside: Inside) -> None:
    database = inside.services.database

    def act(writer: int, turn: int) -> None:
        if writer == 0:
            accounts.set_disabled(database, "lab", disabled=bool(turn % 2))
        elif writer == 1:
            accounts.add_member(database, "lab", "ada", "read" if turn % 2 else "write")
        else:
            tokens.revoke_token(database, tokens.create_token(database, "ada", scope="read").id)

    accounts.add_organization(database, "lab")
    assert no_errors(at_once(act))


def test_a_job_that_is_submitted_several_times(inside: Inside) -> None:
    def submit(_: int, turn: int) -> str:
        asked = FindIn(kind="find", recipe="digits-quick", repository=f"ada/found-{turn}")
        key = f"key-{turn}"
        return operations.submit_job(inside.services, inside.ada, asked, idempotency_key=key).id

    results = at_once(submit)
    assert no_errors(results)
    assert [len(set(found)) for found in results] == [1] * ROUNDS


def test_the_first_start_of_several_servers(
    request: pytest.FixtureRequest, inside: Inside, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    if not inside.services.database.is_sqlite:
        url = Settings(database=request.getfixturevalue("fresh_database")).database_url
    database = Database(url)
    migrate(database)
    (signers,) = at_once(lambda *_: load_signer(database), rounds=1)
    assert no_errors([signers])
    assert len({signer.sign("test", 1 << 40) for signer in signers}) == 1
    database.close()


def test_the_stock_client_sees_no_conflict(
    fresh_database: str, start: Callable[..., RunningHub]
) -> None:
    hub = start(database=fresh_database)
    apis = [HfApi(endpoint=hub.endpoint, token=hub.token) for _ in range(WRITERS)]
    repos = [apis[0].create_repo(f"r{number}").repo_id for number in range(WRITERS)]

    def act(writer: int, turn: int) -> str:
        api, content = apis[writer], uuid.uuid5(uuid.NAMESPACE_OID, f"{turn}").hex[:20].encode()
        api.create_commit(repos[writer], [CommitOperationAdd("a", content)], commit_message="a")
        api.create_branch(repos[0], branch=f"b{turn}", exist_ok=True)
        return api.create_repo(f"same-{turn}", exist_ok=True).repo_id

    assert no_errors(at_once(act, rounds=2))
    for found in at_once(lambda writer, turn: apis[writer].create_repo(f"taken-{turn}"), rounds=1):
        codes = [each.response.status_code for each in found if isinstance(each, HfHubHTTPError)]
        assert codes == [409] * (WRITERS - 1)
