"""Our own client against both kinds of hub: a folder, and the real server in its own process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from ticket_hub import Ticket
from ticket_hub.bundle import layout, open_bundle, verify_bundle
from ticket_hub.errors import (
    BundleDigestError,
    BundleError,
    BundleFormatError,
    HubAccessError,
    HubConflictError,
    HubNotFoundError,
    HubUnavailableError,
    TicketNotFoundError,
)
from ticket_hub.hub import Cache, Hub, Query, connect, pull, push, search
from ticket_hub_api.background import RunningHub

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
KINDS = ["folder", "server"]


@dataclass
class Place:
    hub: Hub
    repo: str
    blobs: Path


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A new repository's name on a hub, and where that hub keeps bytes."""
    return new_place(request, tmp_path / "hub")


@pytest.fixture(scope="session", params=KINDS)
def offered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A hub with a bundle that tests look for and leave as it is."""
    made = new_place(request, tmp_path_factory.mktemp("offered") / "hub")
    push(made.hub, GOLDEN, made.repo)
    return made


def new_place(request: pytest.FixtureRequest, root: Path) -> Place:
    name = f"golden-{uuid.uuid4().hex[:8]}"
    if request.param == "folder":
        return Place(connect(root), f"ann/{name}", root / "blobs")
    running: RunningHub = request.getfixturevalue("hub")
    server = connect(running.endpoint, token=running.token)
    owner = server.api.whoami()["name"]  # type: ignore[attr-defined]
    return Place(server, f"{owner}/{name}", Path(running.settings.folder))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_is_pulled_is_what_was_pushed_to_the_bit(place: Place, cache: Cache) -> None:
    push(place.hub, GOLDEN, place.repo)
    pulled = pull(place.hub, place.repo, level="all", cache=cache)
    assert verify_bundle(pulled.folder).holds
    for path in (path for path in GOLDEN.rglob("*") if path.is_file()):
        assert (pulled.folder / path.relative_to(GOLDEN)).read_bytes() == path.read_bytes()
    assert pulled.confirmed
    assert pulled.commit == place.hub.snapshot(place.repo).commit


def test_a_second_push_of_the_same_bundle_sends_no_file_and_makes_no_commit(place: Place) -> None:
    first = push(place.hub, GOLDEN, place.repo)
    again = push(place.hub, GOLDEN, place.repo)
    assert (again.commit, again.uploaded) == (first.commit, ())


def test_only_what_the_chosen_level_and_trial_need_is_fetched(place: Place, cache: Cache) -> None:
    push(place.hub, GOLDEN, place.repo)
    pulled = pull(place.hub, place.repo, level=3, trial=1, cache=cache)
    tensors = {name for name in pulled.fetched if name.endswith(".safetensors")}
    assert tensors == {"theta0/1.safetensors", "masks/1/3.safetensors"}
    assert Ticket.load(pulled.folder, level=3, trial=1).id
    later = pull(place.hub, place.repo, level="3,4", trial=1, cache=cache)
    assert later.fetched == ("masks/1/4.safetensors",)
    assert later.levels == (3, 4)


def test_a_level_or_trial_that_is_not_there_is_said(place: Place, cache: Cache) -> None:
    push(place.hub, GOLDEN, place.repo)
    with pytest.raises(TicketNotFoundError, match="no level '9'"):
        pull(place.hub, place.repo, level=9, cache=cache)
    with pytest.raises(TicketNotFoundError, match="no trial 7"):
        pull(place.hub, place.repo, trial=7, cache=cache)


def test_a_damaged_cache_is_noticed_and_repaired(place: Place, cache: Cache) -> None:
    push(place.hub, GOLDEN, place.repo)
    pulled = pull(place.hub, place.repo, cache=cache)
    victim = pulled.folder / "theta0/0.safetensors"
    whole = (GOLDEN / "theta0/0.safetensors").read_bytes()
    for damaged in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:]):
        victim.chmod(0o644)
        victim.write_bytes(damaged)
        assert cache.damaged()
        again = pull(place.hub, place.repo, cache=cache)
        assert again.repaired == ("theta0/0.safetensors",)
        assert victim.read_bytes() == whole
        assert not cache.damaged()


def test_a_damaged_manifest_is_fetched_again(place: Place, cache: Cache) -> None:
    push(place.hub, GOLDEN, place.repo)
    manifest = pull(place.hub, place.repo, cache=cache).folder / layout.MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b"digits", b"mnists", 1))
    assert pull(place.hub, place.repo, cache=cache).confirmed
    assert manifest.read_bytes() == (GOLDEN / layout.MANIFEST).read_bytes()


def test_a_download_that_was_cut_off_is_gone_on_with(place: Place, cache: Cache) -> None:
    push(place.hub, GOLDEN, place.repo)
    whole = (GOLDEN / layout.METRICS).read_bytes()
    record = open_bundle(GOLDEN).manifest.files[layout.METRICS]
    partial = cache.root / "partial" / record.sha256
    partial.parent.mkdir(parents=True)
    partial.write_bytes(whole[: len(whole) // 2])
    offsets: list[int] = []

    def fetch(target: Path, offset: int) -> None:
        offsets.append(offset)
        snapshot = place.hub.snapshot(place.repo)
        place.hub.download(snapshot, layout.METRICS, target, offset=offset, most=record.size)

    assert cache.ensure(layout.METRICS, record, fetch) == "fetched"
    assert offsets == [len(whole) // 2]
    assert cache.blob(record.sha256).read_bytes() == whole


def test_a_cut_off_download_with_wrong_bytes_starts_over(place: Place, cache: Cache) -> None:
    push(place.hub, GOLDEN, place.repo)
    record = open_bundle(GOLDEN).manifest.files[layout.METRICS]
    partial = cache.root / "partial" / record.sha256
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"not these")
    pulled = pull(place.hub, place.repo, cache=cache)
    assert layout.METRICS in pulled.fetched


def test_a_flipped_bit_in_any_file_on_the_hub_is_refused(
    place: Place, cache: Cache, tmp_path: Path
) -> None:
    # Files of equal bytes are fetched once, so that a flip in the second is never even seen.
    files = open_bundle(GOLDEN).manifest.files
    names = [
        layout.MANIFEST,
        *{files[name].sha256: name for name in reversed(list(files))}.values(),
    ]
    push(place.hub, GOLDEN, place.repo)
    for name in names:
        whole = (GOLDEN / name).read_bytes()
        bad = tmp_path / "bad"
        bad.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        place.hub.push(
            place.repo,
            [(name, bad)],
            message="flip",
            parent=place.hub.snapshot(place.repo).commit,
        )
        fresh = Cache(tmp_path / f"cache-{name.replace('/', '-')}")
        with pytest.raises(BundleError):
            pull(place.hub, place.repo, level="all", cache=fresh)
        good = GOLDEN / name
        place.hub.push(
            place.repo,
            [(name, good)],
            message="mend",
            parent=place.hub.snapshot(place.repo).commit,
        )
    assert pull(place.hub, place.repo, level="all", cache=cache).confirmed


def test_a_file_that_the_hub_lost_is_an_error_and_never_a_partial_bundle(
    place: Place, cache: Cache
) -> None:
    push(place.hub, GOLDEN, place.repo)
    place.hub.push(
        place.repo,
        [],
        delete=["theta0/0.safetensors"],
        message="lose",
        parent=place.hub.snapshot(place.repo).commit,
    )
    with pytest.raises(HubNotFoundError, match=r"theta0/0\.safetensors"):
        pull(place.hub, place.repo, cache=cache)
    assert cache.bundles() == []


@pytest.mark.parametrize("revision", ["v9", "0" * 40, "abcdef0"])
def test_a_missing_revision_is_an_error_and_never_another_commit(
    place: Place, cache: Cache, revision: str
) -> None:
    push(place.hub, GOLDEN, place.repo)
    pull(place.hub, place.repo, cache=cache)
    with pytest.raises(HubNotFoundError, match="revision"):
        pull(place.hub, place.repo, revision=revision, cache=cache)


def test_a_tag_is_pulled_after_the_branch_has_moved(
    place: Place, bundle: Path, cache: Cache
) -> None:
    first = push(place.hub, GOLDEN, place.repo)
    place.hub.tag(place.repo, "v1")
    (bundle / layout.CARD).write_text("# My own words\n")
    place.hub.push(
        place.repo,
        [(layout.CARD, bundle / layout.CARD)],
        message="card",
        parent=first.commit,
    )
    assert pull(place.hub, place.repo, revision="v1", cache=cache).commit == first.commit
    assert pull(place.hub, place.repo, cache=cache).commit != first.commit


def test_a_card_that_a_person_wrote_on_the_hub_is_kept(
    place: Place, bundle: Path, cache: Cache, tmp_path: Path
) -> None:
    first = push(place.hub, GOLDEN, place.repo)
    words = tmp_path / "words.md"
    words.write_text("# My own words\n")
    place.hub.push(place.repo, [(layout.CARD, words)], message="mine", parent=first.commit)
    push(place.hub, bundle, place.repo)
    there = place.hub.snapshot(place.repo)
    assert place.hub.read(there, layout.CARD, limit=1 << 20) == words.read_bytes()
    assert not (pull(place.hub, place.repo, cache=cache).folder / layout.CARD).exists()
    later = pull(place.hub, place.repo, cache=cache, local_files_only=True)
    assert not (later.folder / layout.CARD).exists()


def test_of_two_pushes_one_gets_a_conflict_with_the_remedy(place: Place, bundle: Path) -> None:
    first = push(place.hub, GOLDEN, place.repo)
    card = bundle / layout.CARD
    card.write_text("# Somebody was quicker\n")
    place.hub.push(place.repo, [(layout.CARD, card)], message="quick", parent=first.commit)
    card.write_text("# Too late\n")
    with pytest.raises(HubConflictError, match="push again"):
        place.hub.push(place.repo, [(layout.CARD, card)], message="late", parent=first.commit)


def test_a_bundle_that_is_not_sound_is_not_sent(place: Place, bundle: Path) -> None:
    data = bytearray((bundle / "theta0/0.safetensors").read_bytes())
    data[-1] ^= 1
    (bundle / "theta0/0.safetensors").write_bytes(data)
    with pytest.raises(BundleFormatError, match="nothing was sent"):
        push(place.hub, bundle, place.repo)
    with pytest.raises(HubNotFoundError):
        place.hub.snapshot(place.repo)


def test_a_repository_without_a_ticket_is_said(place: Place, bundle: Path, cache: Cache) -> None:
    place.hub.push(place.repo, [("README.md", bundle / layout.CARD)], message="words", parent=None)
    with pytest.raises(HubNotFoundError, match="holds no ticket"):
        pull(place.hub, place.repo, cache=cache)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (Query(), True),
        (Query(text="DIGITS lenet"), True),
        (Query(text="resnet"), False),
        (Query(network="lenet-10"), True),
        (Query(dataset="mnist"), False),
        (Query(density=(0.2, 0.4)), True),
        (Query(density=(0.0, 0.1)), False),
        (Query(accuracy=(0.95, 1.0)), True),
        (Query(accuracy=(0.99, 1.0)), False),
        (Query(verdict="losing"), True),
        (Query(verdict="winning"), False),
    ],
)
def test_search_goes_by_what_the_manifest_says(offered: Place, query: Query, *, fits: bool) -> None:
    found = [each.repo for each in search(offered.hub, query, sort="name")]
    assert (offered.repo in found) == fits


def test_search_narrows_by_the_tags_of_network_and_data_before_it_reads_manifests(
    hub: RunningHub, bundle: Path
) -> None:
    server = connect(hub.endpoint, token=hub.token)
    owner = server.api.whoami()["name"]  # type: ignore[attr-defined]
    repo = f"{owner}/tagged-{uuid.uuid4().hex[:8]}"
    push(server, bundle, repo)
    assert repo in list(server.repositories(tags=["lenet-10", "digits"]))
    assert repo not in list(server.repositories(tags=["lenet-10", "mnist"]))
    assert repo in [each.repo for each in search(server, Query(network="lenet-10"))]
    assert repo not in [each.repo for each in search(server, Query(dataset="mnist"))]


def test_search_gives_the_levels_that_fit(place: Place) -> None:
    push(place.hub, GOLDEN, place.repo)
    query = Query(density=(0.3, 0.6))
    (found,) = [each for each in search(place.hub, query) if each.repo == place.repo]
    assert [each.index for each in found.levels] == [2, 3]


def test_one_broken_repository_does_not_hide_the_others(place: Place, tmp_path: Path) -> None:
    push(place.hub, GOLDEN, place.repo)
    owner = place.repo.partition("/")[0]
    (tmp_path / "junk").write_text("{]")
    card = tmp_path / "card"
    card.write_text("---\ntags:\n- lottery-ticket\n---\n")
    place.hub.push(
        f"{owner}/junk-{uuid.uuid4().hex[:6]}",
        [(layout.MANIFEST, tmp_path / "junk"), (layout.CARD, card)],
        message="junk",
        parent=None,
    )
    assert place.repo in [each.repo for each in search(place.hub, Query(owner=owner))]


def test_a_ticket_is_one_line_for_a_colleague(place: Place, tmp_path: Path) -> None:
    push(place.hub, GOLDEN, place.repo)
    options = {"hub": place.hub.location, "cache_dir": tmp_path / "cache"}
    token = getattr(getattr(place.hub, "api", None), "token", None)
    ticket = Ticket.from_pretrained(f"{place.repo}:3", token=token, **options)  # type: ignore[arg-type]
    assert ticket.id == Ticket.load(GOLDEN, level=3).id
    assert Ticket.from_pretrained(GOLDEN, level=3).id == ticket.id
    ticket.push_to_hub(f"{place.repo}-3", hub=place.hub.location, token=token)
    alone = Ticket.from_pretrained(f"{place.repo}-3", token=token, **options)  # type: ignore[arg-type]
    assert alone.id == ticket.id


def test_without_the_hub_the_last_commit_is_used_and_said_not_to_be_confirmed(
    place: Place, cache: Cache, tmp_path: Path
) -> None:
    first = push(place.hub, GOLDEN, place.repo)
    pull(place.hub, place.repo, cache=cache)
    again = pull(place.hub, place.repo, cache=cache, local_files_only=True)
    assert (again.commit, again.confirmed, again.fetched) == (first.commit, False, ())
    with pytest.raises(HubUnavailableError, match="hub"):
        pull(place.hub, place.repo, level=4, cache=cache, local_files_only=True)
    with pytest.raises(HubUnavailableError, match="never pulled"):
        pull(place.hub, place.repo, cache=Cache(tmp_path / "empty"), local_files_only=True)


def test_pruning_removes_what_no_revision_leads_to(place: Place, cache: Cache) -> None:
    push(place.hub, GOLDEN, place.repo)
    pull(place.hub, place.repo, cache=cache)
    cache.prune()
    assert [each.repo for each in cache.bundles()] == [place.repo]
    assert not cache.damaged()
    assert cache.prune(keep_newest=False) > 0
    assert cache.bundles() == []
    assert list((cache.root / "blobs").glob("*/*")) == []


def test_a_hub_that_does_not_answer_is_said() -> None:
    silent = connect("http://127.0.0.1:9")
    silent.patience = 0  # type: ignore[attr-defined]
    with pytest.raises(HubUnavailableError, match="does not answer"):
        silent.snapshot("ann/lenet")


def test_a_token_that_may_not_write_is_refused(hub: RunningHub) -> None:
    with pytest.raises((HubAccessError, HubNotFoundError)):
        push(connect(hub.endpoint, token="hf_wrong"), GOLDEN, "ann/golden")


OFFLINE = """
import socket, sys
from pathlib import Path

def refuse(*_):
    raise SystemExit("a socket was opened")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
from ticket_hub.errors import HubUnavailableError
from ticket_hub.hub import Cache, connect, pull

hub, cache = connect(sys.argv[1]), Cache(Path(sys.argv[2]))
print(pull(hub, sys.argv[3], cache=cache).confirmed)
try:
    pull(hub, sys.argv[3] + "-other", cache=cache)
except HubUnavailableError as error:
    print(error.problem)
"""


def test_offline_opens_no_socket(hub: RunningHub, cache: Cache) -> None:
    server = connect(hub.endpoint, token=hub.token)
    repo = f"{server.api.whoami()['name']}/offline-{uuid.uuid4().hex[:6]}"  # type: ignore[attr-defined]
    push(server, GOLDEN, repo)
    pull(server, repo, cache=cache)
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, hub.endpoint, str(cache.root), repo],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "False"
    assert "offline" in second


def test_wrong_bytes_of_the_right_size_are_never_kept(cache: Cache) -> None:
    record = open_bundle(GOLDEN).manifest.files[layout.METRICS]

    def lie(target: Path, offset: int) -> None:
        with target.open("ab") as stream:
            stream.write(b"x" * (record.size - offset))

    with pytest.raises(BundleDigestError, match="not those that the manifest describes"):
        cache.ensure(layout.METRICS, record, lie)
    assert list((cache.root / "blobs").glob("*/*")) == []
    assert list((cache.root / "partial").glob("[0-9a-f]*[0-9a-f]")) == []
