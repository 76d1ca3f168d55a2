"""Pull a ticket of ResNet-50 against what the stock client and one sha256 pass cost.

    python benchmarks/pull.py [--rounds 5]
    python benchmarks/pull.py --at-once 50 [--rounds 5]

A real hub in its own process on loopback holds one bundle with a dense theta0 (about 205 MB with
`model.safetensors`). Each round takes both sides in turn, each into an empty folder: `ticket pull`
of the whole ladder, and `snapshot_download` with the sha256 of every file that it brought. Wall
time; both sides' bytes come from the page cache.

With `--at-once`, a small ticket (the golden bundle of the tests) is pulled so many times at once by
threads of this process, and so many times one after another, in turn; every pull is verified.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from bundle import make_content

from ticket_hub.bundle import verify_bundle, write_bundle
from ticket_hub.durable import sha256_file
from ticket_hub.hub import Cache, connect, pull, push
from ticket_hub_api.background import running_hub
from ticket_hub_api.settings import Settings


def stock(endpoint: str, token: str, repo: str, folder: Path) -> None:
    """The official client, and the pass that it does not make."""
    from huggingface_hub import snapshot_download

    place = snapshot_download(repo, endpoint=endpoint, token=token, cache_dir=folder)
    for path in Path(place).rglob("*"):
        if path.is_file():
            sha256_file(path)


def timed(action: Callable[[Path], object], scratch: Path, number: int) -> float:
    """Seconds of one run into an empty folder."""
    folder = scratch / f"{number}-{time.monotonic_ns()}"
    folder.mkdir()
    os.sync()
    began = time.perf_counter()
    action(folder)
    return time.perf_counter() - began


GOLDEN = Path(__file__).resolve().parent.parent / "tests/golden/format-1"


def crowd(count: int, rounds: int) -> None:
    """Print how long so many pulls at once take, over as many one after another."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(count) as pool:
        scratch = Path(name)
        with running_hub(Settings(folder=scratch / "hub", requests_per_minute=0)) as server:
            hub = connect(server.endpoint, token=server.token)
            repo = f"{hub.api.whoami()['name']}/small"  # type: ignore[attr-defined]
            push(hub, GOLDEN, repo)

            def one(folder: Path) -> None:
                found = pull(hub, repo, level="all", cache=Cache(folder))
                assert verify_bundle(found.folder).holds

            def together(folder: Path) -> None:
                list(pool.map(one, [folder / str(number) for number in range(count)]))

            def in_turn(folder: Path) -> None:
                for number in range(count):
                    one(folder / str(number))

            ratios = [
                timed(together, scratch, 2 * turn) / timed(in_turn, scratch, 2 * turn + 1)
                for turn in range(rounds + 1)
            ][1:]
    print(f"{count} pulls at once / one after another, {rounds} rounds after one to warm up:")
    print(f"  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    """Print the ratio of every round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=0)
    chosen = parser.parse_args()
    rounds = chosen.rounds
    torch.set_num_threads(1)
    if chosen.at_once:
        crowd(chosen.at_once, rounds)
        return
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        write_bundle(scratch / "bundle", make_content(0.2))
        with running_hub(Settings(folder=scratch / "hub")) as server:
            hub = connect(server.endpoint, token=server.token)
            repo = f"{hub.api.whoami()['name']}/resnet50"  # type: ignore[attr-defined]
            push(hub, scratch / "bundle", repo)
            sides = {
                "pull": lambda folder: pull(hub, repo, level="all", cache=Cache(folder)),
                "stock": lambda folder: stock(server.endpoint, server.token, repo, folder),
            }
            times: dict[str, list[float]] = {side: [] for side in sides}
            for number in range(rounds + 1):
                for side, action in sides.items():
                    times[side].append(timed(action, scratch, number))
    ratios = [a / b for a, b in zip(times["pull"][1:], times["stock"][1:], strict=True)]
    print(f"pull / (snapshot_download + sha256), {rounds} rounds after one to warm up:")
    print(f"  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    for side, values in times.items():
        print(f"  {side}: {statistics.median(values[1:]):.2f} s")


if __name__ == "__main__":
    main()
