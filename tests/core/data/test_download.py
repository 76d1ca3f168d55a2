from __future__ import annotations

import gzip
import hashlib
import io
import socket
import struct
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.datasets import UNPACKED
from ticket_hub.data import data_names, load
from ticket_hub.data.download import Archive, fetch_archives, published_archives
from ticket_hub.errors import DataNotFoundError, StorageError
from ticket_hub.recipe import DataSpec


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@dataclass
class Mirror:
    """A server of files in memory that remembers what it was asked for."""

    port: int
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            served.asked.append(name)
            if name not in served.files:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(served.files[name]) + name.count("short")))
            self.end_headers()
            self.wfile.write(served.files[name])

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - as the base class
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Mirror(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def archive(data: bytes, *addresses: str, place: str = "a/file.bin", **members: str) -> Archive:
    return Archive(addresses=addresses, place=place, md5=md5(data), members=tuple(members.items()))


def test_a_file_is_fetched_to_its_place(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["x"] = b"content"
    fetch_archives([archive(b"content", mirror.address("x"))], tmp_path)
    assert (tmp_path / "a/file.bin").read_bytes() == b"content"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file.bin"]


def test_what_is_there_and_right_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["x"] = b"content"
    for _ in range(2):
        fetch_archives([archive(b"content", mirror.address("x"))], tmp_path)
    assert mirror.asked == ["x"]
    (tmp_path / "a/file.bin").write_bytes(b"conten")
    fetch_archives([archive(b"content", mirror.address("x"))], tmp_path)
    assert (tmp_path / "a/file.bin").read_bytes() == b"content"


def test_the_next_address_is_asked_after_a_wrong_or_missing_one(
    mirror: Mirror, tmp_path: Path
) -> None:
    mirror.files |= {"wrong": b"other bytes", "right": b"content"}
    addresses = [mirror.address(name) for name in ("missing", "wrong", "right")]
    fetch_archives([archive(b"content", *addresses)], tmp_path)
    assert mirror.asked == ["missing", "wrong", "right"]
    assert (tmp_path / "a/file.bin").read_bytes() == b"content"


def test_every_reason_is_given_and_nothing_half_is_left(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files |= {"wrong": b"other bytes", "short": b"content"}
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        addresses = [mirror.address(n) for n in ("missing", "wrong", "short")]
        with pytest.raises(DataNotFoundError) as caught:
            fetch_archives([archive(b"more content", *addresses, nobody)], tmp_path)
    for reason in ("Not Found", f"its md5 is {md5(b'other bytes')}", "refused"):
        assert reason in caught.value.problem
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(DataNotFoundError, match="timed out"):
            fetch_archives([archive(b"content", address)], tmp_path, timeout=0.2)


def test_a_server_that_hangs_up_before_it_answers_is_given_up(tmp_path: Path) -> None:
    def hang_up() -> None:
        connection, _ = rude.accept()
        with connection:
            connection.recv(1000)
            # No time to linger: what was sent is forgotten, and the connection reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as rude:
        thread = threading.Thread(target=hang_up)
        thread.start()
        address = f"http://127.0.0.1:{rude.getsockname()[1]}/x"
        with pytest.raises(DataNotFoundError, match="could not be downloaded"):
            fetch_archives([archive(b"content", address)], tmp_path, timeout=2)
        thread.join()


def test_a_server_that_stops_in_the_middle_is_given_up(tmp_path: Path) -> None:
    def answer() -> None:
        connection, _ = silent.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")
            finished.wait(10)

    finished = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(DataNotFoundError, match="the connection broke: timed out"):
            fetch_archives([archive(b"content", address)], tmp_path, timeout=0.2)
        finished.set()
        thread.join()


def tar_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize(("pack", "place"), [(tar_of, "x.tar.gz"), (zip_of, "raw/x.zip")])
def test_the_named_members_of_an_archive_are_unpacked_and_no_others(
    pack: Any,  # noqa: ANN401 - one of two functions
    place: str,
    mirror: Mirror,
    tmp_path: Path,
) -> None:
    data = pack({"in/one": b"1", "in/two": b"2", "../evil": b"3", "in/three": b"4"})
    mirror.files["x"] = data
    members = {"in/one": "out/1", "in/two": "out/2"}
    fetch_archives([archive(data, mirror.address("x"), place=place, **members)], tmp_path / "data")
    assert (tmp_path / "data/out/1").read_bytes() == b"1"
    assert (tmp_path / "data/out/2").read_bytes() == b"2"
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {f"data/{place}", "data/out/1", "data/out/2"}


def test_an_archive_on_disk_is_unpacked_without_a_network(tmp_path: Path) -> None:
    data = tar_of({"in/one": b"1"})
    (tmp_path / "x.tar.gz").write_bytes(data)
    fetch_archives([archive(data, place="x.tar.gz", **{"in/one": "out/1"})], tmp_path)
    assert (tmp_path / "out/1").read_bytes() == b"1"


def test_a_folder_that_cannot_be_written_is_said_to_be_so(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["x"] = b"content"
    (tmp_path / "a").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="could not be written"):
        fetch_archives([archive(b"content", mirror.address("x"))], tmp_path)


def idx(*shape: int) -> bytes:
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    size = 1
    for extent in shape:
        size *= extent
    return header + bytes(size)


def test_a_data_set_that_is_not_there_is_fetched_and_read(mirror: Mirror, tmp_path: Path) -> None:
    archives = []
    for part, count in (("train", 20), ("t10k", 8)):
        for kind, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            name = f"{part}-{kind}-ubyte.gz"
            data = mirror.files[name] = gzip.compress(idx(*shape))
            archives.append(archive(data, mirror.address(name), place=f"MNIST/raw/{name}"))

    def fetch(name: str, root: Path) -> None:
        assert name == "mnist"
        fetch_archives(archives, root)

    spec = DataSpec(name="mnist", validation=5)
    read = partial(load, spec, tmp_path, digests={}, fetch=fetch)
    assert [len(read().train), len(read().test)] == [15, 8]
    assert len(mirror.asked) == 4


@pytest.mark.parametrize("name", sorted(set(data_names()) - {"digits", *UNPACKED}))
def test_every_published_data_set_has_addresses_and_digests(name: str) -> None:
    for published in published_archives(name):
        assert all(address.startswith(("https://", "http://")) for address in published.addresses)
        assert len(published.md5) == 32
        assert not Path(published.place).is_absolute()


@pytest.mark.parametrize("name", ["digits", *UNPACKED])
def test_a_name_without_addresses_is_said_to_have_none(name: str) -> None:
    with pytest.raises(DataNotFoundError, match=f"no address to download {name} from"):
        published_archives(name)


@pytest.mark.network
def test_usps_comes_from_the_network(tmp_path: Path) -> None:
    data = load(DataSpec(name="usps", validation=500), tmp_path)
    assert [len(data.train) + len(data.validation), len(data.test)] == [7291, 2007]
