"""A ticket in a loop of one's own, on data with another number of classes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ticket_hub import Ticket
from ticket_hub.errors import BundleFormatError, NetworkError

DIGITS = "builtin:digits:8"


def test_only_the_output_layer_is_fresh_and_whole() -> None:
    ticket = Ticket.from_pretrained(DIGITS)
    other = ticket.with_classes(3, seed=1)
    assert isinstance(other, Ticket)
    assert other.architecture.classes == 3
    assert other.mask["output.weight"].all()
    assert other.theta0["output.weight"].shape == (3, 50)
    for name, keep in ticket.mask.items():
        if not name.startswith("output"):
            assert torch.equal(other.mask[name], keep)
            assert torch.equal(other.theta0[name], ticket.theta0[name])
    assert other.build()(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert other.id == ticket.with_classes(3, seed=1).id != ticket.with_classes(3, seed=2).id


def test_fresh_values_are_drawn_as_in_the_search() -> None:
    # Glorot's normal distribution, of 50 inputs and 10 outputs, and not as PyTorch would.
    values = Ticket.from_pretrained(DIGITS).with_classes(10).theta0["output.weight"]
    assert float(values.std()) == pytest.approx((2 / 60) ** 0.5, rel=0.1)


def test_what_a_search_said_of_other_classes_is_not_said_of_it(tmp_path: Path) -> None:
    other = Ticket.from_pretrained(DIGITS).with_classes(3)
    assert "data that are not known" in repr(other)
    with pytest.raises(BundleFormatError):
        other.save_pretrained(tmp_path / "bundle")


@pytest.mark.parametrize("classes", [0, -1, 10**9])
def test_what_is_no_number_of_classes_is_refused(classes: int) -> None:
    with pytest.raises(NetworkError):
        Ticket.from_pretrained(DIGITS).with_classes(classes)
