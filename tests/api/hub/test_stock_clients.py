"""What must work unchanged: users' own tools, in processes of their own, on a real hub."""

from __future__ import annotations

from collections.abc import Callable

import pytest

RunClient = Callable[..., str]


@pytest.mark.parametrize("transfer", ["xet", "lfs"])
@pytest.mark.parametrize("version", ["installed", "1.30"])
def test_the_stock_client_works_unchanged(
    run_client: RunClient, version: str, transfer: str
) -> None:
    assert "done" in run_client("use_everything.py", version=version, xet=transfer == "xet")
