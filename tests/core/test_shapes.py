"""Shapes in signatures: checked while the tests run, and for readers alone elsewhere."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from tests.helpers.unchecked import unchecked
from ticket_hub.evidence.family import decide


def test_a_wrong_shape_is_caught() -> None:
    three, four = np.full(3, 0.5), np.full(4, 0.5)
    decide(three, three, alpha=0.05)
    with pytest.raises(TypeCheckError):
        decide(three, four, alpha=0.05)


def test_a_wrong_type_of_numbers_is_caught() -> None:
    half = np.full(3, 0.5, dtype=np.float32)
    with pytest.raises(TypeCheckError):
        decide(half, half, alpha=0.05)
    with unchecked():
        decide(half, half, alpha=0.05)


def test_signatures_state_shapes_where_nothing_checks_them() -> None:
    code = """
import sys
sys.modules.update(jaxtyping=None, beartype=None)
import numpy as np
from ticket_hub.evidence.family import decide
print(decide(np.full(3, 0.5), np.full(3, 0.5), alpha=0.05).holds.tolist())
print(decide.__annotations__["p_less"])
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert ran.stdout.splitlines() == [
        "[False, False, False]",
        "Float64[np.ndarray, '*families comparisons']",
    ]
