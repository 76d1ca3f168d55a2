"""A search on a Ray cluster of three nodes, one of which is killed on the way.

Called as a program, since Ray belongs to a whole process: `ray_cluster FOLDER`. It prints one
JSON object: how the search ended, and how often each work was begun.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.helpers.engine_waiting import events
from ticket_hub.engines.folder import works_folder
from ticket_hub.engines.ray import RayEngine
from ticket_hub.engines.runners import Surveyor, find_with
from ticket_hub.recipe import Recipe, load_recipe

NODES = 3


def recipe() -> Recipe:
    """Three trials that train for some seconds."""
    return load_recipe("digits-quick").replace(
        {
            "network.name": "lenet-8",
            "training.iterations": 20_000,
            "training.evaluate_every": 2_000,
            "training.backend": "stack",
            "search.levels": 1,
            "search.trials": NODES,
        }
    )


class Cluster:
    """Nodes on this machine, a CPU each; each is a raylet with workers of its own."""

    def __init__(self) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        from ray.cluster_utils import Cluster as Nodes

        about = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20}
        self.nodes = Nodes(
            initialize_head=True, head_node_args=about | {"include_dashboard": False}
        )
        self.others = [self.nodes.add_node(wait=False, **about) for _ in range(NODES - 1)]
        self.nodes.wait_for_nodes()
        self.address = self.nodes.address

    def kill_the_node_of(self, process: int) -> bool:
        """Kill a node at once, and with it all that it does; the head is spared."""
        raylets = {node.all_processes["raylet"][0].process.pid: node for node in self.others}
        found = [raylets[parent] for parent in _parents(process) if parent in raylets]
        for node in found:
            self.nodes.remove_node(node, allow_graceful=False)
        return bool(found)


class Killer:
    """Asked now and then, kills the node of a work that has begun to keep checkpoints."""

    def __init__(self, cluster: Cluster, works: Path) -> None:
        self.cluster, self.works = cluster, works
        self.killed = ""

    def __call__(self) -> bool:
        """Never asks to stop."""
        for work in sorted(self.works.glob("trials-*")) if not self.killed else ():
            begun = [int(str(event["process"])) for event in events(work, "started")]
            safe = list(work.glob("run/checkpoints/*/trial-0.json"))
            if begun and safe and self.cluster.kill_the_node_of(begun[-1]):
                self.killed = work.name
                break
        return False


def main(folder: Path) -> None:
    """Search, and tell how it went."""
    with contextlib.redirect_stdout(sys.stderr):  # Ray writes to stdout
        told = _search(folder)
    sys.stdout.write(json.dumps(told) + "\n")


def _search(folder: Path) -> dict[str, Any]:
    begun = Counter[str]()
    cluster = Cluster()
    works = works_folder(folder / "run")
    killer = Killer(cluster, works)
    engine = RayEngine(address=cluster.address)
    found = find_with(
        engine,
        recipe(),
        run_folder=folder / "run",
        surveyor=Surveyor(attempt=lambda name: begun.update([name])),
        should_stop=killer,
        device="cpu",
        checkpoint_seconds=0.1,
    )
    engine.close()
    cluster.nodes.shutdown()
    levels = [level.test_accuracy for level in found.levels]
    return {"slots": engine.slots, "killed": killer.killed, "begun": begun, "levels": levels}


def _parents(process: int) -> Iterator[int]:
    """The processes above one, nearest first."""
    while process > 1 and Path(f"/proc/{process}").exists():
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
        process = int(fields[1])
        yield process


if __name__ == "__main__":
    main(Path(sys.argv[1]))
