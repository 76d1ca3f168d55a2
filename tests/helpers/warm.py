"""A `ticket` command for shells whose imports are done already: for tests of what commands do
together, not of how one starts.

    python warm.py --serve SOCKET            imports everything, prints "ready", and forks
    python -I -S warm.py SOCKET ARGUMENTS    is `ticket ARGUMENTS`, run by such a fork

The fork has the caller's folder, variables, and standard streams; SIGINT and SIGTERM reach it.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import sys

PRELOAD = (
    "alembic.command", "matplotlib.figure", "numba", "scipy.special", "ticket_hub.networks",
    "ticket_hub_api.app", "ticket_hub_cli.main", "torch", "uvicorn.main",
)  # fmt: skip


def main() -> None:
    """Serve, or call who serves."""
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    else:
        sys.exit(call(sys.argv[1], sys.argv[2:]))


def call(place: str, arguments: list[str]) -> int:
    """Have a command run; its exit code."""
    order = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()  # noqa: PTH109 - pathlib is slow to import
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(place)
        streams = array.array("i", [0, 1, 2])
        about = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)]
        connection.sendmsg([len(order).to_bytes(8, "big")], about)
        connection.sendall(order)
        answers = connection.makefile("r")
        child = int(answers.readline())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: os.kill(child, received))
        return int(answers.readline() or 1)


def serve(place: str) -> None:
    """Run commands until the standard input closes."""
    import importlib
    import select

    for name in PRELOAD:
        importlib.import_module(name)
    # Its constants are read from the variables when it is imported: they are the caller's to set.
    assert "huggingface_hub.constants" not in sys.modules
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen()
        print("ready", flush=True)  # noqa: T201 - who started this waits for it
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that keep
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if server not in ready:
                return
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                keep(connection)
                os._exit(0)
            connection.close()


def keep(connection: socket.socket) -> None:
    """Start what a caller asks for, and tell the caller its process and its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    rest = connection.makefile("rb").read(int.from_bytes(head, "big"))
    arguments, folder, variables = json.loads(rest)
    child = os.fork()
    if child == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        from ticket_hub_cli.main import run

        code = run(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    connection.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
