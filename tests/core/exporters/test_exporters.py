from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.utils import prune

from tests.helpers.foreign import halved, random_state
from ticket_hub.bundle import layout
from ticket_hub.errors import ExportError, StorageError
from ticket_hub.interop.exporters import EXPORTERS, export_ticket
from ticket_hub.interop.exporters.onnx import require
from ticket_hub.interop.importers import import_tickets
from ticket_hub.networks import build, outline
from ticket_hub.ticket import Ticket
from ticket_hub.types import Architecture

LENET = Architecture(name="lenet-6", channels=1, height=4, width=4, classes=3)
RESNET = Architecture(
    name="resnet-8", options=(("width", 4),), channels=3, height=8, width=8, classes=5
)


def make_ticket(architecture: Architecture, *, dense: bool = True) -> Ticket:
    """A ticket with about half of its weights; one survivor is exactly 0."""
    theta0 = random_state(build(architecture), 0)
    ones = {layer.name: torch.ones(layer.shape) for layer in outline(architecture).layers}
    mask = {name: keep.bool() for name, keep in halved(ones, 1).items()}
    first = next(iter(mask))
    mask[first].view(-1)[0] = True
    theta0[first].view(-1)[0] = 0
    return Ticket(architecture=architecture, mask=mask, theta0=theta0, level=1, dense=dense)


def images_for(architecture: Architecture, count: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(count, *architecture.input_shape, generator=generator)


def logits(ticket: Ticket, images: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = ticket.build().eval()(images)
    return found


@pytest.fixture(params=[LENET, RESNET], ids=lambda each: each.name)
def ticket(request: pytest.FixtureRequest) -> Ticket:
    return make_ticket(request.param)


def test_a_state_dict_is_read_by_safetensors_and_loads_into_the_network(
    tmp_path: Path, ticket: Ticket
) -> None:
    (file,) = export_ticket(ticket, "safetensors", tmp_path / "ticket.safetensors")
    state = load_file(file)
    for name, value in ticket.theta0.items():
        keep = ticket.mask.get(name, torch.ones_like(value, dtype=torch.bool))
        assert torch.equal(state[name], value * keep)
    module = build(ticket.architecture)
    module.load_state_dict(state)
    images = images_for(ticket.architecture)
    assert torch.equal(module.eval()(images), logits(ticket, images))


def test_the_name_of_a_ticket_is_no_ticket(tmp_path: Path) -> None:
    name: Any = "builtin:digits"
    with pytest.raises(ExportError, match="name of a ticket") as refused:
        export_ticket(name, "mask", tmp_path / "mask.safetensors")
    assert "Ticket.load" in refused.value.remedy


def test_a_mask_is_read_by_safetensors_as_bool(tmp_path: Path, ticket: Ticket) -> None:
    (file,) = export_ticket(ticket, "mask", tmp_path / "mask.safetensors")
    found = load_file(file)
    assert found.keys() == ticket.mask.keys()
    assert all(value.dtype == torch.bool for value in found.values())
    assert all(torch.equal(found[name], keep) for name, keep in ticket.mask.items())


def test_the_form_of_torch_prune_loads_after_custom_from_mask(
    tmp_path: Path, ticket: Ticket
) -> None:
    (file,) = export_ticket(ticket, "torch-prune", tmp_path / "ticket.pth")
    state = torch.load(file, weights_only=True)
    module = build(ticket.architecture)
    for name in ticket.mask:
        part = module.get_submodule(name.removesuffix(".weight"))
        prune.custom_from_mask(part, "weight", torch.ones(ticket.mask[name].shape))
    assert not module.load_state_dict(state).missing_keys
    images = images_for(ticket.architecture)
    assert torch.equal(module.eval()(images), logits(ticket, images))
    first = next(iter(ticket.mask))
    original = module.get_parameter(f"{first}_orig")
    assert torch.equal(original, ticket.theta0[first])  # dense, so that it can be reset
    layer = module.get_submodule(first.removesuffix(".weight"))
    prune.remove(layer, "weight")
    kept = layer.get_parameter("weight") != 0
    assert not bool((kept & ~ticket.mask[first]).any())


def test_what_torch_prune_saved_can_be_imported_again(tmp_path: Path, ticket: Ticket) -> None:
    export_ticket(ticket, "torch-prune", tmp_path / "ticket.pth")
    network = ticket.architecture
    import_tickets(
        tmp_path / "ticket.pth",
        tmp_path / "bundle",
        network=network.name,
        network_options=dict(network.options),
        input_shape=network.input_shape,
        classes=network.classes,
    )
    assert Ticket.load(tmp_path / "bundle", level=1).id == ticket.id


def test_a_layer_is_read_by_scipy_with_exactly_the_survivors(
    tmp_path: Path, ticket: Ticket
) -> None:
    files = export_ticket(ticket, "csr", tmp_path / "layers")
    assert [file.name for file in files] == [
        *(f"{name}.npz" for name in ticket.mask),
        "dense.safetensors",
    ]
    for name, keep in ticket.mask.items():
        matrix = scipy.sparse.load_npz(tmp_path / f"layers/{name}.npz")
        assert matrix.format == "csr"
        assert matrix.nnz == int(keep.sum())
        dense = (ticket.theta0[name] * keep).reshape(keep.shape[0], -1).numpy()
        assert np.array_equal(matrix.toarray(), dense)
    rest = load_file(tmp_path / "layers/dense.safetensors")
    assert rest.keys() == ticket.theta0.keys() - ticket.mask.keys()
    assert all(torch.equal(rest[name], ticket.theta0[name]) for name in rest)


def test_a_sparse_layer_multiplies_as_the_network_does(tmp_path: Path) -> None:
    ticket = make_ticket(LENET)
    export_ticket(ticket, "csr", tmp_path / "layers")
    rest = load_file(tmp_path / "layers/dense.safetensors")
    images = images_for(LENET)
    values = images.flatten(1).numpy().T
    for name in ("hidden.0", "output"):
        matrix = scipy.sparse.load_npz(tmp_path / f"layers/{name}.weight.npz")
        values = matrix @ values + rest[f"{name}.bias"].numpy()[:, None]
        values = np.maximum(values, 0) if name != "output" else values
    torch.testing.assert_close(torch.from_numpy(values.T.copy()), logits(ticket, images))


@pytest.mark.parametrize("batch", [1, 5])
def test_onnxruntime_computes_what_torch_computes(
    tmp_path_factory: pytest.TempPathFactory, ticket: Ticket, batch: int
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")
    pytest.importorskip("onnxscript", reason="needs the extra `onnx`")
    (file,) = export_ticket(ticket, "onnx", tmp_path_factory.mktemp("onnx") / "ticket.onnx")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    images = images_for(ticket.architecture, batch)
    (found,) = session.run(["logits"], {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), logits(ticket, images))


def test_onnx_keeps_dropped_weights_at_0(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra `onnx`")
    numpy_helper = pytest.importorskip("onnx.numpy_helper", reason="needs the extra `onnx`")
    pytest.importorskip("onnxscript", reason="needs the extra `onnx`")
    ticket = make_ticket(LENET)
    (file,) = export_ticket(ticket, "onnx", tmp_path / "ticket.onnx")
    model = onnx.load(file)
    onnx.checker.check_model(model)
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    keep = ticket.mask["hidden.0.weight"].numpy()
    assert np.array_equal(stored["hidden.0.weight"][~keep], np.zeros(int((~keep).sum())))


def test_a_library_that_is_not_installed_is_named_with_its_extra() -> None:
    with pytest.raises(ExportError, match="no_such_library must be installed") as caught:
        require(("torch", "no_such_library"))
    assert "pip install 'onnx>=" in caught.value.remedy


def test_dense_weights_that_a_bundle_does_not_store_are_not_invented(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="survivors only"):
        export_ticket(make_ticket(LENET, dense=False), "torch-prune", tmp_path / "ticket.pth")
    assert not list(tmp_path.iterdir())


def test_an_unknown_form_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="csr, mask, onnx, safetensors, small, small-onnx, torch"):
        export_ticket(make_ticket(LENET), "tflite", tmp_path / "x")


@pytest.mark.parametrize("form", sorted(EXPORTERS))
def test_a_file_is_never_written_over_a_folder_nor_the_other_way(tmp_path: Path, form: str) -> None:
    place = tmp_path / "there"
    if EXPORTERS[form].is_folder:
        place.write_text("kept")
    else:
        place.mkdir()
    with pytest.raises(ExportError, match="there is a"):
        export_ticket(make_ticket(LENET), form, place)


@pytest.mark.parametrize(("form", "name"), [("small", ""), ("csr", ""), ("mask", "mask.bin")])
def test_nothing_is_written_into_a_bundle(tmp_path: Path, form: str, name: str) -> None:
    (tmp_path / layout.MANIFEST).write_text("{}")
    with pytest.raises(ExportError, match="is a bundle"):
        export_ticket(make_ticket(LENET), form, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [layout.MANIFEST]


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        export_ticket(make_ticket(LENET), "mask", Path("/proc/no/such/mask.safetensors"))


def test_exporting_leaves_the_ticket_and_the_random_state_alone(tmp_path: Path) -> None:
    ticket = make_ticket(LENET)
    before = {name: value.clone() for name, value in ticket.theta0.items()}
    state = torch.random.get_rng_state()
    for form in sorted(EXPORTERS.keys() - {"onnx"}):
        export_ticket(ticket, form, tmp_path / form)
    assert all(torch.equal(ticket.theta0[name], value) for name, value in before.items())
    assert torch.equal(torch.random.get_rng_state(), state)
