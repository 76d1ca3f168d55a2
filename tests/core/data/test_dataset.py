from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ticket_hub.data import DataSet, Part, load, normalized
from ticket_hub.data.preparation import split
from ticket_hub.errors import DataError
from ticket_hub.recipe import DataSpec


def part(seed: int, count: int, channels: int = 3) -> Part:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, channels, 5, 4), generator=generator, dtype=torch.uint8)
    return Part(inputs=images, labels=torch.randint(0, 7, (count,), generator=generator))


def made(
    validation: int = 20,
    split_seed: int = 0,
    normalize: Literal["unit", "standard"] = "unit",
    count: int = 100,
) -> DataSet:
    spec = DataSpec(name="any", validation=validation, split_seed=split_seed, normalize=normalize)
    return split(spec, part(1, count), part(2, 30), 7)


def rows(data: Part) -> list[bytes]:
    return sorted(image.numpy().tobytes() for image in data.inputs)


@settings(max_examples=25)
@given(count=st.integers(2, 60), held=st.integers(1, 59), seed=st.integers(0, 2**40))
def test_every_example_is_either_held_out_or_trained_on(count: int, held: int, seed: int) -> None:
    if held >= count:
        with pytest.raises(DataError, match="cannot be held out"):
            made(validation=held, split_seed=seed, count=count)
        return
    data = made(validation=held, split_seed=seed, count=count)
    assert len(data.validation) == held
    assert sorted(rows(data.train) + rows(data.validation)) == rows(part(1, count))


def test_the_seed_alone_decides_what_is_held_out() -> None:
    assert rows(made().validation) == rows(made().validation)
    assert rows(made(split_seed=1).validation) != rows(made().validation)


def test_the_fingerprint_sees_one_pixel_one_label_and_the_split() -> None:
    spec = DataSpec(name="any", validation=20)
    train, test = part(1, 100), part(2, 30)
    original = split(spec, train, test, 7).fingerprint
    pixel, label = test.inputs.clone(), train.labels.clone()
    pixel[29, 2, 4, 3] ^= 1
    label[0] = (label[0] + 1) % 7
    others = [
        split(spec, train, Part(inputs=pixel, labels=test.labels), 7).fingerprint,
        split(spec, Part(inputs=train.inputs, labels=label), test, 7).fingerprint,
        split(replace(spec, split_seed=1), train, test, 7).fingerprint,
        split(replace(spec, validation=19), train, test, 7).fingerprint,
        split(spec, train, test, 8).fingerprint,
        split(spec, train, test, 7, validation=part(3, 5)).fingerprint,
    ]
    assert len({original, *others}) == 7


def counted(count: int) -> Part:
    values = torch.arange(count * 3 * 5 * 4) % 256
    images = values.to(torch.uint8).view(count, 3, 5, 4)
    return Part(inputs=images, labels=torch.arange(count) % 7)


def test_the_fingerprint_never_changes() -> None:
    data = split(DataSpec(name="any", validation=20), counted(100), counted(30), 7)
    assert data.fingerprint == "c6e292ee1c56af0ba64c8c68fb5f03fc935e5f65eb15090d0e1ec2bb5a540d71"


def test_a_validation_part_of_the_authors_is_kept() -> None:
    spec = DataSpec(name="any", validation=5000)
    data = split(spec, part(1, 100), part(2, 30), 7, validation=part(3, 12))
    assert (len(data.train), rows(data.validation)) == (100, rows(part(3, 12)))


def test_unit_normalization_maps_pixels_to_the_unit_interval() -> None:
    data = made()
    expected = data.train.inputs.double() / 255
    assert torch.allclose(normalized(data.train.inputs, data).double(), expected, atol=1e-7)


def test_standard_normalization_gives_mean_0_and_deviation_1_on_the_training_part() -> None:
    data = made(normalize="standard")
    values = normalized(data.train.inputs, data).double()
    assert values.mean((0, 2, 3)).abs().max() < 1e-6
    assert (values.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


def test_images_of_stacked_members_are_normalized_like_single_ones() -> None:
    data = made(normalize="standard")
    images = data.train.inputs[:24].view(4, 6, 3, 5, 4)
    stacked = normalized(images, data)
    for member, alone in zip(stacked, images, strict=True):
        assert torch.equal(member, normalized(alone, data))


def test_a_channel_without_contrast_becomes_0() -> None:
    flat = Part(inputs=torch.full((9, 1, 2, 2), 7, dtype=torch.uint8), labels=torch.arange(9) % 3)
    data = split(DataSpec(name="any", normalize="standard", validation=2), flat, flat, 3)
    assert normalized(flat.inputs, data).abs().max() < 1e-6


def test_a_data_set_moves_with_everything_it_has() -> None:
    data = made(normalize="standard").to("meta")
    tensors = [data.train.inputs, data.validation.labels, data.test.inputs, data.mean, data.std]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert data.fingerprint == made(normalize="standard").fingerprint


def test_inputs_that_are_pixels_are_called_images_too() -> None:
    data = load(DataSpec(name="digits", validation=30), fetch=None)
    assert data.train.images is data.train.inputs
    part = Part(images=data.train.inputs, labels=data.train.labels)
    assert part.inputs is data.train.inputs
    with pytest.raises(TypeError, match="once"):
        Part(labels=part.labels)
    with pytest.raises(TypeError, match="once"):
        Part(labels=part.labels, images=part.inputs, inputs=part.inputs)
