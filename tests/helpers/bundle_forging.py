"""What an attacker can do who knows the format: change anything, and make the digests fit."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.bundle.encoding import _spelled
from ticket_hub.errors import BundleError, NetworkError

Table = dict[str, Any]


def read_table(folder: Path) -> Table:
    table: Table = json.loads((folder / "ticket.json").read_text("utf-8"))
    return table


def forge_manifest(folder: Path, change: Callable[[Table], object]) -> None:
    """Change the manifest, and give it the digest and spelling that fit."""
    table = read_table(folder)
    del table["digest"]
    change(table)
    (folder / "ticket.json").write_bytes(_spelled(table))


def forge_file(folder: Path, name: str, data: bytes) -> None:
    """Replace a file, and list it with the digest that fits."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    record = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    forge_manifest(folder, lambda table: table["files"].update({name: record}))


def take_apart(data: bytes) -> tuple[Table, bytes]:
    """Header and body of a safetensors file."""
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def put_together(header: Table | bytes, body: bytes) -> bytes:
    """A safetensors file of any header, however wrong."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def use_everything(folder: Path) -> None:
    """Read all that a bundle offers, as its users do."""
    bundle = open_bundle(folder)
    for level in bundle.levels:
        for ticket in level.tickets:
            bundle.ticket(level.index, ticket.trial)
    bundle.model()
    bundle.figure()
    bundle.experiments()
    bundle.costs()
    for _ in bundle.curves():
        pass


def refusal(folder: Path) -> BundleError | NetworkError | None:
    """The documented error that reading everything ends in, or None where all is well."""
    try:
        use_everything(folder)
    except (BundleError, NetworkError) as error:
        return error
    return None


@contextlib.contextmanager
def refused(folder: Path) -> Iterator[None]:
    """Reading must fail in the documented way, with problem and remedy, and verify must see it."""
    yield
    error = refusal(folder)
    assert error is not None, "the bundle was read as if it were good"
    assert error.problem
    assert error.remedy
    assert not verify_bundle(folder).holds


def set_path(path: str, value: object) -> Callable[[Table], object]:
    """Puts a value at a place of a manifest: keys and places of lists, with slashes between."""

    def change(table: Table) -> None:
        *parents, last = path.split("/")
        place: Any = table
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[int(last) if isinstance(place, list) else last] = value

    return change
