from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ticket_hub import __version__, errors
from ticket_hub_cli import exit_codes
from ticket_hub_cli.main import cli, run

SLOW_TO_IMPORT = ["torch", "torchvision", "timm", "matplotlib", "huggingface_hub", "scipy", "rich"]


def _all_commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _all_commands(command, (*path, name))
        yield (*path, name)


def _kinds(base: type[errors.TicketHubError]) -> Iterator[type[errors.TicketHubError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def _failing(error: BaseException) -> click.Group:
    @click.command("fail")
    def fail() -> None:
        raise error

    return click.Group("ticket", commands=[fail])


@pytest.mark.parametrize("kind", list(_kinds(errors.TicketHubError)))
def test_every_error_has_a_documented_exit_code(kind: type[errors.TicketHubError]) -> None:
    code = exit_codes.exit_code(kind("A problem.", "A remedy."))
    assert code in dict(exit_codes.table())
    assert (code == 1) == (kind is errors.TicketHubError)


def test_exit_codes_of_errors_are_distinct_and_apart_from_the_fixed_ones() -> None:
    codes = list(exit_codes.EXIT_CODES.values())
    assert len(set(codes)) == len(codes)
    assert not {0, 2, exit_codes.INTERNAL, exit_codes.INTERRUPTED} & set(codes)


@pytest.mark.parametrize("path", list(_all_commands(cli)), ids=" ".join)
def test_every_help_ends_with_examples(path: tuple[str, ...], ticket: Callable[..., Any]) -> None:
    ran = ticket(*path, "--help")
    assert ran.code == 0
    _, _, end = ran.stdout.partition("\nExamples:\n")
    assert end
    assert all(line.startswith("  ") for line in end.splitlines())
    assert f"ticket {' '.join(path)}" in end


def test_an_expected_error_shows_problem_and_remedy_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = errors.RunLockedError("Another process works on it.", "Wait for it.")
    assert run(["fail"], _failing(error)) == exit_codes.exit_code(error)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Error: Another process works on it.\nWhat to do: Wait for it.\n"


def test_an_unexpected_error_saves_its_traceback_and_shows_none(
    capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    assert run(["fail", "--no"], _failing(ZeroDivisionError("by zero"))) == 2
    assert run(["fail"], _failing(ZeroDivisionError("by zero"))) == exit_codes.INTERNAL
    (saved,) = (own_home / "tickets/errors").iterdir()
    assert "ZeroDivisionError: by zero" in saved.read_text()
    assert "Traceback" in saved.read_text()
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert str(saved) in message


def test_arguments_beyond_the_command_are_not_saved(own_home: Path) -> None:
    @click.command("login")
    @click.argument("token")
    def login(token: str) -> None:
        raise ZeroDivisionError(len(token))

    run(["login", "secret-token"], click.Group("ticket", commands=[login]))
    (saved,) = (own_home / "tickets/errors").iterdir()
    assert "secret-token" not in saved.read_text()


def test_ctrl_c_where_nothing_is_kept_ends_with_its_own_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["fail"], _failing(KeyboardInterrupt())) == exit_codes.INTERRUPTED
    assert capsys.readouterr().err == "\nStopped: It was interrupted.\n"


def test_what_somebody_stopped_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    stopped = errors.StoppedError("Training was stopped at iteration 5.", "Run it again.")
    assert run(["fail"], _failing(stopped)) == 75
    assert capsys.readouterr().err == (
        "Stopped: Training was stopped at iteration 5.\nWhat to do: Run it again.\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["recipes"], ["find", "--help"]])
def test_a_full_stdout_is_a_storage_error(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "ticket_hub_cli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == exit_codes.exit_code(errors.StorageError("", ""))
    assert ran.stderr.startswith("Error: The results could not be printed: No space left")
    assert ran.stderr.count("\n") == 2


def test_a_wrong_call_names_the_nearest_command(ticket: Callable[..., Any]) -> None:
    ran = ticket("recipe")
    assert ran.code == 2
    assert "Did you mean 'recipes'?" in ran.stderr


def test_the_version_is_the_library_s(ticket: Callable[..., Any]) -> None:
    ran = ticket("--version")
    assert ran.code == 0
    assert ran.stdout.startswith(f"ticket {__version__} (Python 3.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["recipes"],
        ["recipes", "digits-quick"],
        ["list"],
        ["completion", "zsh"],
    ]
    + [[*path, "--help"] for path in _all_commands(cli)],
    ids=" ".join,
)
def test_cheap_commands_import_nothing_slow(arguments: list[str]) -> None:
    code = (
        "import sys; from ticket_hub_cli.main import run; "
        f"code = run({arguments!r}); "
        f"print([m for m in {SLOW_TO_IMPORT!r} if m in sys.modules], file=sys.stderr); "
        "sys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert ran.stderr.splitlines()[-1] == "[]"


def test_importing_the_command_line_leaves_torch_out() -> None:
    code = "import sys, ticket_hub_cli.main, ticket_hub; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_what_the_shell_evaluates(shell: str, ticket: Callable[..., Any]) -> None:
    ran = ticket("completion", shell)
    assert ran.code == 0
    assert "_TICKET_COMPLETE" in ran.stdout


def test_bash_takes_a_run_and_its_level_for_one_word(ticket: Callable[..., Any]) -> None:
    script = ticket("completion", "bash").stdout + '\nprintf "%s" "$COMP_WORDBREAKS"'
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert "=" in ran.stdout
    assert ":" not in ran.stdout  # bash itself has it there


def test_a_closed_pipe_is_no_error() -> None:
    code = "from ticket_hub_cli.main import main; main()"
    command = f"{sys.executable} -c {code!r} recipes digits-quick --format json | true"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    assert "Error" not in ran.stderr


def test_an_argument_that_is_not_utf8_is_refused_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / os.fsdecode(b"run-\xe9")
    assert run(["find", "digits-quick", "--out", str(place)]) == 2
    assert "not UTF-8" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("numba.core", "'numba>=0.61'"),
        ("fastapi", "'fastapi>=0.124'"),
        ("yaml", "'pyyaml>=6'"),
        ("onnxscript", "'onnxscript>=0.5'"),
        ("PIL", "pillow"),
    ],
)
def test_a_missing_module_is_told_with_the_extra_to_install(
    module: str, package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ModuleNotFoundError(f"No module named {module!r}", name=module)
    assert run(["fail"], _failing(error)) == 1
    said = capsys.readouterr().err
    (command,) = re.findall(r"`(pip install [^`]+)`", said)
    assert package in command.split()
    assert "ticket-hub" not in command


def test_a_missing_module_of_nobody_is_a_bug() -> None:
    assert run(["fail"], _failing(ModuleNotFoundError(name="ticket_hub.gone"))) == 70
