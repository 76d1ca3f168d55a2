"""The pages of docs/own run with the libraries that they are about, and end as they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.commands import run_ticket
from tests.helpers.ranks import together
from tests.helpers.sampling import sampled
from ticket_hub.bundle import open_bundle, verify_bundle
from ticket_hub.vision import import_with_torchvision

PAGES = Path(__file__).resolve().parents[2] / "docs/own"
ACCELERATE, COMPILE = PAGES / "accelerate.md", PAGES / "compile.md"
# The largest of the libraries run at night: to import them takes most of the time.
LARGE = {"transformers-trainer"}
OTHERS = sampled(
    [(page,) for page in sorted({*PAGES.glob("*.md")} - {ACCELERATE, COMPILE})],
    lambda page: page.stem not in LARGE,
)
VERDICT = 5


def code_of(page: Path) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return str(code)


def cells(table: str) -> list[list[str]]:
    """A table by cells, without the verdicts; all measured numbers alike, since machines differ."""
    rows = [re.split(r"  +", line.strip())[:VERDICT] for line in table.splitlines()]
    return [[*row[:3], *(re.sub(r"\d[\d.]*", "#", cell) for cell in row[3:])] for row in rows]


def check_what_is_left(page: Path) -> None:
    """The run in the present folder has the bundle that the page shows."""
    text = page.read_text("utf-8")
    (shown,) = re.findall(
        r"^\$ ticket show run \| tail -4\n(.*?)^```", text, re.DOTALL | re.MULTILINE
    )
    ran = run_ticket("show", "run")
    assert ran.code == 0, ran.stderr
    assert cells(shown) == cells("\n".join(ran.stdout.splitlines()[-4:]))
    bundle = open_bundle(Path("run/bundle"))
    assert verify_bundle(bundle.path).holds
    metric = bundle.manifest.metric
    assert (
        f"| level | density | test {metric.name} |" in bundle.path.joinpath("README.md").read_text()
    )
    assert all(level.tickets for level in bundle.manifest.levels)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning:lightning")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")  # on a machine with many cores
@pytest.mark.filterwarnings("ignore:GPU available but not used")
@pytest.mark.parametrize("page", OTHERS, ids=lambda page: str(page.stem))
def test_a_page_leaves_the_bundle_that_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both libraries import torchvision if it is there; see `ticket_hub.vision` for why that needs
    # help where the tests' torch is built for the CPU.
    import_with_torchvision("torchvision")
    monkeypatch.chdir(tmp_path)
    exec(code_of(page), {"__name__": "loop"})
    check_what_is_left(page)


@pytest.mark.slow  # two processes that import it; `core/own/test_ranks.py` has two without
def test_two_processes_of_accelerate_leave_one_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop.py").write_text(code_of(ACCELERATE))
    (said,) = re.findall(r"loop\.py\n(.*?\n)\$", ACCELERATE.read_text("utf-8"))
    assert together(Path("loop.py")) == [(0, said), (0, "")]
    check_what_is_left(ACCELERATE)


@pytest.mark.filterwarnings("ignore:.*script_method.*deprecated")  # in inductor's own import
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_module_leaves_the_bundle_that_the_page_shows(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`inductor` is the page as it stands; the other one does all but to call a C++ compiler."""
    monkeypatch.chdir(tmp_path)
    code = code_of(COMPILE)
    assert code.count("torch.compile(module)") == 1
    called = f'torch.compile(module, backend="{backend}")'
    exec(code.replace("torch.compile(module)", called), {"__name__": "loop"})
    check_what_is_left(COMPILE)
