from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ticket_hub.vision import import_with_torchvision

# What a torchvision that was built for another torch does: its operators are not there, and
# the first thing that describes one of them fails in the middle of the import.
UNFIT_TORCHVISION = """
import torch

from torchvision import ready

@torch.library.register_fake("torchvision::nms")
def meta_nms(dets, scores, iou_threshold):
    return dets

@torch.library.register_fake("torchvision::qnms")
def meta_qnms(dets, scores, iou_threshold):
    return dets

complete = True
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a torchvision whose operators are missing, and a package that needs it."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision/__init__.py").write_text(UNFIT_TORCHVISION)
    (tmp_path / "torchvision/ready.py").write_text("")
    (tmp_path / "needs_it").mkdir()
    (tmp_path / "needs_it/__init__.py").write_text("from needs_it import inner")
    (tmp_path / "needs_it/inner.py").write_text("import torchvision")
    return tmp_path


def run(site: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    code = "\n".join((f"import sys; sys.path.insert(0, {str(site)!r})", *lines))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_plain_import_dies_where_the_operators_are_missing(site: Path) -> None:
    done = run(site, "import needs_it")
    assert done.returncode != 0
    assert "operator torchvision::nms does not exist" in done.stderr


def test_the_import_succeeds_once_the_operators_are_declared(site: Path) -> None:
    done = run(
        site,
        "from ticket_hub.vision import import_with_torchvision as load",
        "found = load('needs_it')",
        "again = load('needs_it.inner')",
        "assert found.inner is again",
        "assert again.torchvision.complete",
        "assert found is load('needs_it')",
        "import torchvision",
        "assert torchvision is again.torchvision",
        "import gc; gc.collect()",
        "import torch; print(torch.ops.torchvision.nms.default._schema)",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("torchvision::nms(Tensor dets, Tensor scores, float iou_thresh")


def test_any_other_error_of_an_import_passes_through(site: Path) -> None:
    (site / "broken.py").write_text("raise RuntimeError('something else')")
    done = run(
        site, "from ticket_hub.vision import import_with_torchvision as load", "load('broken')"
    )
    assert "RuntimeError: something else" in done.stderr
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        import_with_torchvision("no_such_package")


@pytest.mark.parametrize("name", ["timm", "torchvision.datasets", "torchvision.transforms"])
def test_the_installed_packages_can_be_imported(name: str) -> None:
    assert import_with_torchvision(name).__name__ == name
    assert import_with_torchvision(name) is sys.modules[name]
