"""An interpreter that has imported everything already, where the start is not what is tested.

A process that trains or serves takes seconds to import what it needs, and the tests start hundreds.
`python()` is a program that is called as Python is, and what it is given to run, runs in a process
that is forked from one whose imports are done. With `sys.executable` set to it (the fixture
`forked_processes`) all processes that the product starts for itself are of this kind.

    python forked.py --serve SOCKET PYTHON     imports, prints "ready", and forks
    python -I -S forked.py SOCKET ARGUMENTS    is `python ARGUMENTS`, run by such a fork

The fork has the caller's folder, variables and open files. Signals reach it, it ends at once when
the caller does, and the caller ends as it does. Where an option asks for a Python that is set up in
another way, the caller becomes a new interpreter.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import signal
import socket
import sys

if __name__ != "__main__":  # the caller has no time for these
    import atexit
    import functools
    import shlex
    import shutil
    import subprocess
    import tempfile
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ticket_hub_api import background

PRELOAD = (
    "alembic.command", "matplotlib.figure", "scipy.special", "ticket_hub.engines.run_work",
    "ticket_hub.networks", "ticket_hub.comparison", "ticket_hub.report.illustrate",
    "ticket_hub.training.worker", "ticket_hub_api.app", "ticket_hub_api.web.connections",
    "ticket_hub_cli.main", "torch", "uvicorn.lifespan.on", "uvicorn.main",
)  # fmt: skip
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
MAX_FILES = 250


def call(place: str, arguments: list[str]) -> int:
    """Have a fork run what Python is asked to run; how it ended, minus the signal that ended it."""
    if not _is_plain(arguments):
        os.execv(sys.executable, [sys.executable, *arguments])
    # Ended before it knows its fork, it would leave the fork to hold its locks for a moment.
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    files = sorted(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - pathlib is slow to import
    link = f"{place}-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(place)
        numbers = [number for number in files if number != connection.fileno() and _is_open(number)]
        order = json.dumps([arguments, numbers, link, os.getcwd(), dict(os.environ)]).encode()  # noqa: PTH109
        handles = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", numbers))]
        connection.sendmsg([len(order).to_bytes(8, "big")], handles)
        connection.sendall(order)
        for number in numbers:
            if number > 2:
                os.close(number)  # whoever waits for the end of a pipe waits for the fork alone
        answers = connection.makefile("r")
        child = int(answers.readline())
        for each in PASSED_ON:
            signal.signal(each, lambda received, _: _pass_on(child, received))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        return int(answers.readline() or -signal.SIGKILL)


def _pass_on(child: int, received: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, received)


def _note(link: str) -> None:
    """Leave a link from the caller's number to that of this, its fork; see `fork_of`."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(link)  # noqa: PTH108
    os.symlink(str(os.getpid()), link)  # noqa: PTH211


def _is_plain(arguments: list[str]) -> bool:
    """Whether they ask for no other Python than the one that was set up.

    Submitit's jobs are named by the number of the process that was started.
    """
    for place, argument in enumerate(arguments):
        if argument in {"-c", "-m"} or not argument.startswith("-"):
            return not arguments[place + 1 :][:1] or not arguments[place + 1].startswith("submitit")
        if argument not in {"-P", "-u"}:
            return False
    return False


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:  # the one that the folder of files was read by
        return False
    return True


def serve(place: str, python: str) -> None:
    """Run what callers ask for, until the standard input closes."""
    import gc
    import importlib
    import select

    sys.executable = python
    for name in PRELOAD:
        importlib.import_module(name)
    # What they read from the variables when they are imported is the caller's to set.
    assert not {"huggingface_hub.constants", "numba"} & sys.modules.keys()
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen(100)
        print("ready", flush=True)  # noqa: T201 - who started this waits for it
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that keep
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if server not in ready:
                return
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                with contextlib.suppress(OSError):  # the caller has ended
                    _keep(connection)
                os._exit(0)
            connection.close()


def _keep(connection: socket.socket) -> None:
    """Start what a caller asks for, tell the caller of its end, and end it when the caller ends."""
    import select

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, files, _, _ = socket.recv_fds(connection, 8, MAX_FILES)
    order = connection.makefile("rb").read(int.from_bytes(head, "big"))
    child = os.fork()
    if child == 0:
        connection.close()
        os.setsid()
        # As in a terminal: tests that were begun in the background ignore it, and so would this.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        arguments, numbers, link, folder, variables = json.loads(order)
        _note(link)  # before it does anything that a test could see
        _put(files, numbers)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        _run(arguments)
    for file in files:
        os.close(file)
    connection.sendall(f"{child}\n".encode())
    process = os.pidfd_open(child)
    ready, _, _ = select.select([process, connection.fileno()], [], [])
    if process not in ready:
        os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _put(files: list[int], numbers: list[int]) -> None:
    """Let open files have the numbers that they had."""
    import fcntl

    above = max([*numbers, 2]) + 1
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, above) for file in files]
    for file in files:
        os.close(file)
    os.closerange(0, above)
    for file, number in zip(moved, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)


def _execute(arguments: list[str]) -> None:
    """Do what Python does with its arguments."""
    import importlib
    import runpy
    import types

    options = set()
    while arguments[0] in {"-P", "-u"}:
        options.add(arguments.pop(0))
    if "-u" in options or os.environ.get("PYTHONUNBUFFERED"):
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
    kind, *rest = arguments
    target = rest.pop(0) if kind in {"-c", "-m"} else kind
    here = os.getcwd() if kind in {"-c", "-m"} else os.path.dirname(target)  # noqa: PTH109, PTH120
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    ahead = [place for place in ["" if "-P" in options else here, *known] if place]
    sys.path[:] = ahead + [place for place in sys.path if place not in ahead]
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("sitecustomize")
    sys.argv[:] = ["-c" if kind == "-c" else target, *rest]
    if kind == "-c":
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(target, "<string>", "exec"), main.__dict__)
    elif kind == "-m":
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(target, run_name="__main__")


def _run(arguments: list[str]) -> None:
    """Be `python ARGUMENTS` to the end."""
    import atexit
    import threading
    import traceback

    code: object = 1
    try:
        _execute(arguments)
        code = 0
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code
        if not isinstance(code, int):
            print(code, file=sys.stderr)  # noqa: T201 - as Python does
            code = 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as Python does
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(*sys.argv[2:])
        sys.exit()
    ended = call(sys.argv[1], sys.argv[2:])
    if ended < 0:  # end as the fork did
        with contextlib.suppress(OSError):
            signal.signal(-ended, signal.SIG_DFL)
        os.kill(os.getpid(), -ended)
    sys.exit(ended)


@functools.cache
def python() -> str:
    """The program; what it forks from is started once, and ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="forked-"))
    program, place = folder / "python", folder / "socket"
    command = [sys.executable, "-I", "-S", __file__, str(place)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    program.chmod(0o700)
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, "--serve", str(place), str(program)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    atexit.register(_end, server, folder)
    return str(program)


def _end(server: subprocess.Popen[bytes], folder: Path) -> None:
    server.communicate()
    shutil.rmtree(folder, ignore_errors=True)


def fork_of(process: int) -> int:
    """The number of the fork that does what this process was called for; its own if it has none."""
    try:
        return int(Path(f"{Path(python()).parent}/socket-{process}").readlink().name)
    except FileNotFoundError:
        return process


def start(
    module: str, arguments: Sequence[str], variables: Mapping[str, str], log: Path | None = None
) -> subprocess.Popen[bytes]:
    """`python -m MODULE ARGUMENTS`.

    Args:
        variables: its environment, in full.
        log: where it writes what it says; None for where the tests do.
    """
    command = [python(), "-m", module, *arguments]
    if log is None:
        return subprocess.Popen(command, env=dict(variables))
    with log.open("ab") as file:
        return subprocess.Popen(command, env=dict(variables), stdout=file, stderr=file)


def ticket(arguments: Sequence[str], variables: Mapping[str, str], log: Path) -> int:
    """Run a `ticket` command to its end; its exit code."""
    return start("ticket_hub_cli", arguments, variables, log).wait(120)


def server(arguments: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A hub's server; the fork of what `ticket_hub_api.background.launch_server` starts."""
    return start("ticket_hub_api.server", arguments, variables)


start_hub = functools.partial(background.start_hub, launch=server)
running_hub = functools.partial(background.running_hub, launch=server)
