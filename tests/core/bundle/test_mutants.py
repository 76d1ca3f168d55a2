"""Structured mutants of a good bundle: refused in the documented way, or read as what they say."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.bundle_forging import Table, forge_file, forge_manifest, refusal
from ticket_hub.bundle import strict
from ticket_hub.errors import BundleFormatError

GOLDEN = Path(__file__).resolve().parents[2] / "golden/format-1"
CHECKOUT = Path(__file__).resolve().parents[3]
NAMES = ("masks/0/1.safetensors", "theta0/0.safetensors", "metrics.json", "config.json")

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path_factory.mktemp("mutants") / "bundle"))


def restore(folder: Path) -> None:
    for name in ("ticket.json", *NAMES):
        shutil.copyfile(GOLDEN / name, folder / name)


def paths(table: Table | list[object], prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in items:
        yield (*prefix, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*prefix, key))


PLACES = sorted(paths(json.loads((GOLDEN / "ticket.json").read_bytes())), key=repr)
fast = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@fast
@given(st.sampled_from(PLACES), values)
def test_any_value_anywhere_in_a_manifest(
    victim: Path, place: tuple[Any, ...], value: object
) -> None:
    def change(table: Table) -> None:
        if place[0] in table:  # not the digest, which is made to fit
            inner: Any = table
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value

    restore(victim)
    forge_manifest(victim, change)
    error = refusal(victim)
    assert error is None or error.remedy


@fast
@given(
    st.sampled_from(NAMES),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_any_bytes_anywhere_in_a_file_whose_digest_fits(
    victim: Path, name: str, edits: list[tuple[int, int]]
) -> None:
    data = bytearray((GOLDEN / name).read_bytes())
    for place, byte in edits:
        data[place % len(data)] = byte
    restore(victim)
    forge_file(victim, name, bytes(data))
    error = refusal(victim)
    assert error is None or error.remedy


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["C"]), max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["C"])), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(plain)
def test_strict_json_reads_what_json_writes(value: object) -> None:
    assert strict.parse(json.dumps(value, ensure_ascii=False).encode(), source="test") == value


@given(st.binary(max_size=200))
def test_strict_json_never_fails_in_another_way(data: bytes) -> None:
    with contextlib.suppress(BundleFormatError):
        strict.parse(data, source="test")


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        "[1e999]",
        "[" * 17 + "]" * 17,
        '"' + "x" * 4096 + '"',
        '"\\u001b"',
        '"\\ud800"',
        "1" * 20,
        '"',
        "",
        "[1,]",
        "'a'",
        "\ufeff1",
        "[" + "[]," * 60_000 + "[]]",
        "[" + "1," * 500_000 + "1]",
    ],
)
def test_strict_json_refuses(text: str) -> None:
    with pytest.raises(BundleFormatError):
        strict.parse(text.encode(), source="test")


# Every event that could mean that a bundle does something: none may come from reading one.
AUDITED = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.helpers.bundle_forging import forge_manifest, use_everything
from ticket_hub.errors import BundleError, NetworkError
from ticket_hub.vision import import_with_torchvision
import_with_torchvision("timm")
folder = Path(sys.argv[2])
try:
    use_everything(folder)  # whatever is imported lazily is imported now
    forge_manifest(folder, lambda table: table["architecture"].update(name="timm:resnet18"))
    use_everything(folder)
except (BundleError, NetworkError):
    pass
events, watching = [], False

def hook(event, arguments):
    if watching and event.partition(".")[0] in {"import", "exec", "compile", "socket", "subprocess",
        "ctypes", "pickle"} or watching and event in {"os.system", "os.exec", "os.posix_spawn"}:
        events.append((event, repr(arguments)[:80]))
    if watching and event == "open" and isinstance(arguments[0], (str, bytes)):
        if Path(str(arguments[0])).is_absolute() and not str(arguments[0]).startswith(str(folder)):
            events.append((event, arguments[0]))

sys.addaudithook(hook)
names = ["os.system", "torch.hub.load", "timm:hf-hub:a/b", "timm:local-dir:/etc", "timm:../x",
    "timm:resnet18.a1_in1k", "__import__('os')", "lenet-5;import os", "file:///etc/passwd",
    "http://127.0.0.1:9/x", "pickle", "subprocess.run", "lenet-300-100", "resnet-20", "x" * 150]
options = [{}, {"pretrained": True}, {"checkpoint_path": "/etc/passwd"}, {"cache_dir": "/tmp"},
    {"pretrained_cfg": "x"}, {"features_only": True}, {"module": "os"}, {"dropout": 1e300},
    {"width": 10**9}, {"scriptable": True}]
tried = 0
for name in names:
    for given in options:
        forge_manifest(folder, lambda table: table["architecture"].update(name=name, options=given))
        watching = True
        try:
            use_everything(folder)
        except (BundleError, NetworkError):
            tried += 1
        watching = False
print(json.dumps([tried, events]))
"""


def test_no_hostile_config_makes_the_reader_import_run_connect_or_open_anything(
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, str(CHECKOUT), str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    tried, events = json.loads(done.stdout)
    assert events == []
    assert tried == 150


MEASURED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.helpers.bundle_forging import forge_file, put_together, use_everything
from ticket_hub.errors import BundleError, NetworkError

def memory(field):
    return 1024 * int(Path("/proc/self/status").read_text().split(f"{field}:")[1].split()[0])

folder = Path(sys.argv[2])
use_everything(folder)
size = 24 << 20
attacks = {
    "ticket.json": [
        b'[' + b'[],' * 1_000_000, b'{"a":"' + b'x' * 4_000_000, b'[' + b'0,' * 2_000_000,
        b'{"' + b'\\\\' * 2_000_000 + b'"}', b'"' * 4_000_000,
        b'[' + b'"ab",' * 110_000 + b'0]', b'[' + b'1.5,' * 390_000 + b'0]',
    ],
    "metrics.json": [b'{"curves":[\\n' + b'0.0,' * (size // 4), b'\\n' * size],
    "masks/0/1.safetensors": [
        put_together(b"{" + b'"x":{},' * (size // 7), b""), bytes(size),
        put_together(b'{"a":' * (1 << 17), b""),
    ],
    "theta0/0.safetensors": [b"\\xff" * size],
}
for name, bodies in attacks.items():
    good = (folder / name).read_bytes()
    manifest = (folder / "ticket.json").read_bytes()
    for body in bodies:
        if name == "ticket.json":
            (folder / name).write_bytes(body)
        else:
            forge_file(folder, name, body)
        Path("/proc/self/clear_refs").write_text("5")
        before = memory("VmRSS")
        try:
            use_everything(folder)
        except (BundleError, NetworkError):
            pass
        else:
            raise SystemExit(f"{name} was taken")
        print(name, memory("VmHWM") - before, len(body))
    (folder / name).write_bytes(good)
    (folder / "ticket.json").write_bytes(manifest)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_large_hostile_files_take_at_most_twice_their_size_and_32_mib(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(CHECKOUT), str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == 13
    for name, taken, size in rows:
        assert int(taken) <= 2 * int(size) + (32 << 20), name
