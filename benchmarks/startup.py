"""How long `ticket` takes to answer before any work begins, and that it does so without torch.

    python benchmarks/startup.py [--rounds 10]

Runs the commands that must be cheap in turn, several rounds, beside a bare interpreter, and
prints the median seconds of each.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "ticket --help": [sys.executable, "-m", "ticket_hub_cli", "--help"],
    "ticket recipes": [sys.executable, "-m", "ticket_hub_cli", "recipes"],
    "ticket find --help": [sys.executable, "-m", "ticket_hub_cli", "find", "--help"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> None:
    """Run all commands in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    for name, times in taken.items():
        print(f"{name:20} median {statistics.median(times):.3f} s, least {min(times):.3f} s")


if __name__ == "__main__":
    main()
