"""Coverage-guided fuzzing of the bundle reader with atheris.

    python tests/fuzz/fuzz_bundle.py [libFuzzer options, such as -max_total_time=600]

Each input is one attack on the golden bundle: bytes in place of its manifest, its curves, its
config or a file of tensors, or a change somewhere in the manifest; wherever the format allows it,
digests are made to fit, so that the checks behind them are reached. Nothing but the documented
errors may come out. Needs `pip install atheris`; the inputs that were interesting go to a folder
that is given last, which may be used again.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

with atheris.instrument_imports(include=["ticket_hub.bundle", "ticket_hub.recipe.tables"]):
    from tests.helpers.bundle_forging import forge_file, forge_manifest, use_everything
    from ticket_hub.bundle import encoding, figure, metrics, packing, tensors, verify_bundle
    from ticket_hub.errors import BundleError, NetworkError

GOLDEN = HERE.parent / "golden/format-1"
TENSORS = ("masks/0/1.safetensors", "theta0/0.safetensors", "model.safetensors")
VALUES: tuple[Any, ...] = (None, True, 0, -1, 2**62, 10**9, 0.5, -1e308, "", "../x", [], {}, [0])


def manifest_alone(data: bytes) -> None:
    """Bytes as a manifest."""
    encoding.decode(data)


def tensors_alone(data: bytes) -> None:
    """Bytes as a file of tensors."""
    size = tensors.header_size(data[:8], "fuzz")
    entries = tensors.parse_header(data[8 : 8 + size], len(data) - 8 - size, "fuzz")
    for entry in entries.values():
        value = tensors.tensor_at(bytearray(data), 8 + size, entry)
        packing.unpack(value, (3, 5), "fuzz")


def curves_alone(data: bytes) -> None:
    """Bytes as curves."""
    list(metrics.parse_lines(data.splitlines(keepends=True)))


def figure_alone(data: bytes) -> None:
    """Bytes as the figure of a card."""
    figure.check(data)


def altered_manifest(data: bytes) -> None:
    """One value of the manifest replaced, its digest made to fit, and everything read."""
    given = atheris.FuzzedDataProvider(data)

    def change(table: dict[str, Any]) -> None:
        place: Any = table
        while True:
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            key = given.PickValueInList(keys)
            if not isinstance(place[key], dict | list) or not place[key] or not given.ConsumeBool():
                break
            place = place[key]
        kind = given.ConsumeIntInRange(0, 3)
        if kind == 0:
            del place[key]
        elif kind == 1:
            place[key] = given.PickValueInList(list(VALUES))
        elif kind == 2:
            place[key] = given.ConsumeInt(8)
        else:
            place[key] = given.ConsumeUnicodeNoSurrogates(40)

    with_golden(lambda folder: forge_manifest(folder, change))


def altered_file(data: bytes) -> None:
    """A whole file replaced, its digest made to fit, and everything read."""
    name = (*TENSORS, "metrics.json", "config.json")[data[0] % 5] if data else TENSORS[0]
    with_golden(lambda folder: forge_file(folder, name, data[1:]))


def altered_bytes(data: bytes) -> None:
    """A few bytes of a file replaced, its digest made to fit, and everything read."""
    given = atheris.FuzzedDataProvider(data)
    name = given.PickValueInList([*TENSORS, "metrics.json", "config.json"])
    body = bytearray((GOLDEN / name).read_bytes())
    for _ in range(given.ConsumeIntInRange(1, 4)):
        body[given.ConsumeIntInRange(0, len(body) - 1)] = given.ConsumeIntInRange(0, 255)
    with_golden(lambda folder: forge_file(folder, name, bytes(body)))


def with_golden(attack: Any) -> None:  # noqa: ANN401 - called with the folder
    """Restore the folder, attack it, read it."""
    for name in ("ticket.json", "config.json", "metrics.json", *TENSORS):
        shutil.copyfile(GOLDEN / name, FOLDER / name)
    attack(FOLDER)
    use_everything(FOLDER)
    verify_bundle(FOLDER)


ATTACKS = (
    manifest_alone,
    tensors_alone,
    curves_alone,
    altered_manifest,
    altered_file,
    altered_bytes,
    figure_alone,
)


def one_input(data: bytes) -> None:
    """Run the attack that the first byte names; only documented errors may come out."""
    if data:
        with contextlib.suppress(BundleError, NetworkError):
            ATTACKS[data[0] % len(ATTACKS)](data[1:])


def seeds(folder: Path) -> None:
    """Begin from the files of the golden bundle."""
    for number, name in enumerate(("ticket.json", TENSORS[0], "metrics.json")):
        (folder / f"alone-{number}").write_bytes(bytes([number]) + (GOLDEN / name).read_bytes())
    for number, name in enumerate((*TENSORS, "metrics.json", "config.json")):
        data = bytes([4, number]) + (GOLDEN / name).read_bytes()
        (folder / f"file-{number}").write_bytes(data)
    for number in range(64):
        (folder / f"value-{number}").write_bytes(bytes([3, *range(number, number + 24)]))
        (folder / f"byte-{number}").write_bytes(bytes([5, *range(number, number + 24)]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        FOLDER = Path(shutil.copytree(GOLDEN, Path(work) / "bundle"))
        (Path(work) / "seeds").mkdir()
        seeds(Path(work) / "seeds")
        atheris.Setup([*sys.argv, str(Path(work) / "seeds")], one_input)
        atheris.Fuzz()
