from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor

from ticket_hub.bundle import BundleContent, Origin, open_bundle, write_bundle
from ticket_hub.bundle.metrics import parse_lines
from ticket_hub.bundle.ticket import TicketContent
from ticket_hub.errors import BundleFormatError, MaskMismatchError, TicketNotFoundError
from ticket_hub.ticket import Ticket
from ticket_hub.types import Mask, Weights

Contents = Callable[..., BundleContent]


def same(first: Mask | Weights, second: Mask | Weights) -> bool:
    return set(first) == set(second) and all(
        first[name].dtype == second[name].dtype and torch.equal(first[name], second[name])
        for name in first
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_ticket_comes_back_bit_for_bit(bundle: Path, content: BundleContent) -> None:
    opened = open_bundle(bundle)
    for level in content.levels:
        for trial in content.trials:
            ticket = opened.ticket(level.index, trial.index)
            assert same(ticket.mask, level.masks[trial.index])
            assert same(ticket.theta0, trial.theta0)
            assert (ticket.level, ticket.trial, ticket.dense) == (level.index, trial.index, True)


def test_curves_come_back_exactly(bundle: Path, content: BundleContent) -> None:
    found = list(open_bundle(bundle).curves())
    expected = [(level.index, t, c) for level in content.levels for t, c in enumerate(level.curves)]
    assert [(each.level, each.trial) for each in found] == [each[:2] for each in expected]
    for record, (_, _, wanted) in zip(found, expected, strict=True):
        for column in dataclasses.fields(wanted):
            found_one, wanted_one = (getattr(each, column.name) for each in (record.curves, wanted))
            if isinstance(wanted_one, torch.Tensor):
                assert torch.equal(found_one, wanted_one)
            else:
                assert found_one == wanted_one


def sampled(content: BundleContent) -> BundleContent:
    """The same with readings of training examples in every curve but those of level 0."""
    levels = [
        dataclasses.replace(
            level,
            curves=tuple(
                dataclasses.replace(
                    each,
                    train_loss=each.validation_loss / 3,
                    train_accuracy=torch.full_like(each.validation_loss, 0.999),
                )
                for each in level.curves
            ),
        )
        for level in content.levels[1:]
    ]
    return dataclasses.replace(content, levels=(content.levels[0], *levels))


def test_readings_of_training_examples_are_an_optional_part(
    bundle: Path, content: BundleContent, tmp_path: Path
) -> None:
    wanted = sampled(content)
    write_bundle(tmp_path / "sampled", wanted)
    found = open_bundle(tmp_path / "sampled").curves()
    expected = [curves for level in wanted.levels for curves in level.curves]
    for record, curves in zip(found, expected, strict=True):
        assert torch.equal(record.curves.columns, curves.columns)
    assert {len(each.columns[0]) for each in expected} == {5, 7}
    assert b"train_" not in (bundle / "metrics.json").read_bytes()


def test_a_curve_with_half_of_a_training_sample_is_refused(
    content: BundleContent, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "sampled", sampled(content))
    lines = (tmp_path / "sampled/metrics.json").read_bytes().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if line.startswith(b'"train_accuracy"'))
    for wrong in (lines[:place] + lines[place + 1 :], lines[: place - 1] + lines[place:]):
        with pytest.raises(BundleFormatError):
            list(parse_lines(wrong))


def test_a_test_set_that_was_not_read_comes_back_as_nan(
    tmp_path: Path, content: BundleContent
) -> None:
    level = content.levels[0]
    unread = dataclasses.replace(level.curves[0], test_loss=torch.full((5,), math.nan).double())
    levels = (dataclasses.replace(level, curves=(unread, *level.curves[1:])),)
    write_bundle(tmp_path, dataclasses.replace(content, levels=levels))
    first = next(open_bundle(tmp_path).curves())
    assert bool(first.curves.test_loss.isnan().all())


def test_a_bundle_written_level_by_level_equals_one_written_at_once(
    tmp_path: Path, content: BundleContent
) -> None:
    for count in range(1, len(content.levels) + 1):
        write_bundle(tmp_path / "grown", content.only(*range(count)))
    write_bundle(tmp_path / "at once", content)
    assert files(tmp_path / "grown") == files(tmp_path / "at once")


def test_what_has_not_changed_is_not_written_again(bundle: Path, content: BundleContent) -> None:
    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*") if path.is_file()}
    write_bundle(bundle, content)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_levels_that_are_taken_out_leave_no_file(bundle: Path, content: BundleContent) -> None:
    write_bundle(bundle, content.only(0, 1))
    assert not (bundle / "masks/0/3.safetensors").exists()
    assert [level.index for level in open_bundle(bundle).levels] == [0, 1]


def test_the_id_depends_on_the_tickets_and_not_on_the_card(
    tmp_path: Path, content: BundleContent
) -> None:
    first = write_bundle(tmp_path / "a", content)
    second = write_bundle(tmp_path / "b", content, card=lambda _: "another card\n")
    third = write_bundle(tmp_path / "c", content.only(0, 1))
    assert first.id == second.id != third.id


@pytest.mark.parametrize(
    ("spec", "level"), [("0", 0), (2, 2), ("d0.5", 1), ("d0.25", 2), ("d1", 0), ("d1.0", 0)]
)
def test_levels_are_named_by_number_or_density(bundle: Path, spec: str | int, level: int) -> None:
    assert open_bundle(bundle).ticket(spec).level == level


@pytest.mark.parametrize("spec", ["7", "d0.01", "d0.0", "d2", "", "-1", "worst", "01", "d", "٣"])
def test_a_level_that_is_not_there_is_refused_with_those_that_are(bundle: Path, spec: str) -> None:
    with pytest.raises(TicketNotFoundError, match=r"It has level 0 \(d1\)"):
        open_bundle(bundle).ticket(spec)


def test_a_trial_that_is_not_there_is_refused(bundle: Path) -> None:
    with pytest.raises(TicketNotFoundError, match="trial 9"):
        Ticket.load(bundle, trial=9)


def test_survivors_give_the_same_tickets_from_fewer_bytes(
    tmp_path: Path, content: BundleContent
) -> None:
    write_bundle(tmp_path / "dense", content)
    write_bundle(tmp_path / "survivors", content.only(0, 2, 3), theta0="survivors")
    dense, survivors = open_bundle(tmp_path / "dense"), open_bundle(tmp_path / "survivors")
    for level in (2, 3):
        whole, part = dense.ticket(level, 1), survivors.ticket(level, 1)
        assert part.id == whole.id
        assert not part.dense
        for name, keep in whole.mask.items():
            assert torch.equal(part.theta0[name][keep], whole.theta0[name][keep])
    sizes = [
        (tmp_path / kind / "theta0/0.safetensors").stat().st_size for kind in ("dense", "survivors")
    ]
    assert sizes[1] < sizes[0]


def test_survivors_refuse_what_would_need_dense_weights(
    tmp_path: Path, content: BundleContent
) -> None:
    write_bundle(tmp_path, content, theta0="survivors")
    opened = open_bundle(tmp_path)
    assert opened.evidence(0) is not None
    with pytest.raises(TicketNotFoundError, match="evidence only"):
        opened.ticket(0)


def test_survivors_of_masks_that_are_not_nested_are_refused(
    tmp_path: Path, content: BundleContent
) -> None:
    swapped = (
        dataclasses.replace(content.levels[2], index=1),
        dataclasses.replace(content.levels[1], index=2),
    )
    with pytest.raises(BundleFormatError, match="dense"):
        write_bundle(tmp_path, dataclasses.replace(content, levels=swapped), theta0="survivors")


def test_survivors_of_a_dense_network_alone_are_refused(
    tmp_path: Path, content: BundleContent
) -> None:
    with pytest.raises(BundleFormatError, match="no sparse level"):
        write_bundle(tmp_path, content.only(0), theta0="survivors")


def test_a_layer_without_survivors_is_written_and_read(
    tmp_path: Path, content: BundleContent
) -> None:
    empty = tuple(
        dict(mask) | {"hidden.0.weight": torch.zeros_like(mask["hidden.0.weight"])}
        for mask in content.levels[3].masks
    )
    level = dataclasses.replace(content.levels[3], masks=empty)
    for theta0 in ("dense", "survivors"):
        folder = tmp_path / theta0
        write_bundle(folder, dataclasses.replace(content, levels=(level,)), theta0=theta0)
        assert not open_bundle(folder).ticket(3).mask["hidden.0.weight"].any()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_not_written(
    tmp_path: Path, content: BundleContent, value: float
) -> None:
    content.trials[1].theta0["output.bias"][1] = value
    with pytest.raises(BundleFormatError, match=r"output\.bias.*trial 1"):
        write_bundle(tmp_path / "bundle", content)
    assert not (tmp_path / "bundle").exists()


def test_a_mask_from_another_network_is_refused_by_name(
    tmp_path: Path, content: BundleContent
) -> None:
    strange = dataclasses.replace(
        content.levels[0], masks=({"conv1.weight": torch.ones(2, dtype=torch.bool)},) * 2
    )
    with pytest.raises(MaskMismatchError, match=r"conv1\.weight"):
        write_bundle(tmp_path, dataclasses.replace(content, levels=(strange,)))


def test_weights_of_another_network_are_refused_by_name(
    tmp_path: Path, content: BundleContent
) -> None:
    trial = dataclasses.replace(content.trials[0], theta0={"fc.weight": torch.ones(2)})
    with pytest.raises(MaskMismatchError, match=r"fc\.weight"):
        write_bundle(tmp_path, dataclasses.replace(content, trials=(trial, content.trials[1])))


def test_a_layer_that_the_mask_does_not_name_is_dense(
    tmp_path: Path, content: BundleContent
) -> None:
    partial = tuple({"output.weight": mask["output.weight"]} for mask in content.levels[2].masks)
    level = dataclasses.replace(content.levels[2], masks=partial)
    write_bundle(tmp_path, dataclasses.replace(content, levels=(level,)))
    assert open_bundle(tmp_path).ticket().mask["hidden.0.weight"].all()


def test_masks_are_plain_safetensors_of_packed_bits(bundle: Path, content: BundleContent) -> None:
    packed = safetensors.numpy.load_file(bundle / "masks/1/2.safetensors")
    for name, keep in content.levels[2].masks[1].items():
        bits = np.unpackbits(packed[name], bitorder="little")
        assert np.array_equal(bits[: keep.numel()], keep.flatten().numpy())
        assert not bits[keep.numel() :].any()


def test_any_safetensors_reader_gets_theta0_times_mask(
    bundle: Path, content: BundleContent
) -> None:
    ticket = open_bundle(bundle).ticket()
    model = safetensors.torch.load_file(bundle / "model.safetensors")
    expected: dict[str, Tensor] = {
        name: value * ticket.mask[name] if name in ticket.mask else value
        for name, value in content.trials[0].theta0.items()
    }
    assert same(model, expected)


def test_a_ticket_travels_between_processes(bundle: Path) -> None:
    ticket = open_bundle(bundle).ticket(2)
    known = ticket.id
    copy: TicketContent = pickle.loads(pickle.dumps(ticket))
    assert (copy.id, copy.level, copy.density) == (known, 2, ticket.density)


def test_lineage_and_environment_come_back(tmp_path: Path, content: BundleContent) -> None:
    origin = Origin(kind="open_lth", source="lottery_0123/replicate_1")
    write_bundle(tmp_path, dataclasses.replace(content, lineage=(origin,), bit_exact=False))
    manifest = open_bundle(tmp_path).manifest
    assert manifest.lineage == (origin,)
    assert not manifest.bit_exact
    assert manifest.environment == {"torch": "2.13.0"}
    assert manifest.recipe == content.recipe


def test_tickets_without_any_evidence_are_a_bundle_too(
    tmp_path: Path, content: BundleContent
) -> None:
    level = dataclasses.replace(content.levels[2], curves=(), backends=())
    write_bundle(tmp_path, dataclasses.replace(content, levels=(level,)))
    opened = open_bundle(tmp_path)
    assert opened.evidence("best") is None
    assert opened.manifest.default.rule == "sparsest"
    assert list(opened.curves()) == []
