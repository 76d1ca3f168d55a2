"""The mask holds while the module changes under it, or the layer that it cannot hold is named."""

from __future__ import annotations

import contextlib
import copy
import gc
import io
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn, optim
from torch.nn.utils import parametrizations, parametrize, prune
from torch.optim.optimizer import register_optimizer_step_post_hook

from ticket_hub.errors import MaskMismatchError
from ticket_hub.pruning import keep_mask, mask_handle

IMAGES = torch.rand(6, 8, generator=torch.Generator().manual_seed(1))
KEEP = torch.rand(5, 8, generator=torch.Generator().manual_seed(2)) < 0.5
HEAD = torch.rand(3, 5, generator=torch.Generator().manual_seed(3)) < 0.5
MASK = {"hidden.weight": KEEP, "output.weight": HEAD}


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(8, 5), nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(torch.tanh(self.hidden(images)))  # type: ignore[no-any-return]


def network() -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network()


def ticket() -> Network:
    module = network()
    keep_mask(module, MASK)
    return module


def step(module: nn.Module, optimizer: optim.Optimizer) -> None:
    optimizer.zero_grad()
    module(IMAGES).square().mean().backward()
    optimizer.step()


def train(module: nn.Module, steps: int = 3) -> None:
    optimizer = optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    for _ in range(steps):
        step(module, optimizer)


def gradient(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    assert weight.grad is not None
    return weight.grad


def collect() -> None:
    gc.collect()


def back(module: nn.Module, path: str = "hidden", keep: Tensor = KEEP) -> int:
    """How many dropped weights are not 0."""
    weight = module.get_submodule(path).weight
    assert isinstance(weight, Tensor)
    assert weight[keep].any()
    return int((weight[~keep] != 0).sum())


@contextlib.contextmanager
def named(layer: str) -> Iterator[None]:
    """The layer is named in a warning, once."""
    with pytest.warns(UserWarning, match=rf"{layer}.*cannot be held") as told:
        yield
    assert len(told) == 1


# ------------------------------------------------------------ weights that are computed


class Symmetric(nn.Module):
    """Brings dropped weights back, unless the result is masked."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight + weight.flip(1)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight / 2


def _old_weight_norm(layer: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(layer)


def _old_spectral_norm(layer: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.spectral_norm(layer)


COMPUTED: dict[str, Callable[[nn.Module], object]] = {
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "orthogonal": lambda layer: parametrizations.orthogonal(layer, "weight", "matrix_exp"),
    "one's own": lambda layer: parametrize.register_parametrization(layer, "weight", Symmetric()),
    "two": lambda layer: parametrize.register_parametrization(
        parametrizations.weight_norm(layer), "weight", Symmetric()
    ),
    "older weight norm": _old_weight_norm,
    "older spectral norm": _old_spectral_norm,
    "torch's own pruning": lambda layer: prune.random_unstructured(layer, "weight", 0.2),
}


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_weight_that_is_computed_is_masked_where_the_layer_takes_it(name: str, when: str) -> None:
    module = network()
    if when == "before":
        COMPUTED[name](module.hidden)
    keep_mask(module, MASK)
    train(module, 2)
    if when == "after":
        COMPUTED[name](module.hidden)
    before = {n: p.detach().clone() for n, p in module.hidden.named_parameters()}
    train(module)
    expected = module.eval()(IMAGES)  # spectral norm would go on with each look at the weight
    assert back(module) == 0
    assert back(module, "output", HEAD) == 0
    assert any((p != before[n]).any() for n, p in module.hidden.named_parameters())
    functional = torch.tanh(nn.functional.linear(IMAGES, module.hidden.weight, module.hidden.bias))
    assert torch.allclose(module.output(functional), expected, atol=1e-6)
    assert not any("keep" in key for key in module.state_dict())


def test_a_parametrization_that_comes_last_is_masked_as_well() -> None:
    module = ticket()
    parametrizations.weight_norm(module.hidden)
    train(module)
    parametrize.register_parametrization(module.hidden, "weight", Symmetric())
    train(module)
    assert back(module) == 0
    assert len(list(module.hidden.parametrizations.weight.children())) == 3  # type: ignore[union-attr]


def test_a_parametrization_may_go_again() -> None:
    module = ticket()
    parametrize.register_parametrization(module.hidden, "weight", Symmetric())
    train(module)
    parametrize.remove_parametrizations(module.hidden, "weight")
    train(module)
    assert isinstance(module.hidden.weight, nn.Parameter)
    assert back(module) == 0


def test_removing_the_mask_takes_it_out_of_computed_weights() -> None:
    module = ticket()
    parametrizations.weight_norm(module.hidden)
    _old_spectral_norm(module.output)
    train(module)
    handle = mask_handle(module)
    assert handle is not None
    handle.remove()
    module.hidden.weight = torch.ones(5, 8)
    assert module.hidden.weight.all()
    nn.init.ones_(module.output.weight_orig)  # type: ignore[arg-type]
    module(IMAGES)
    assert module.output.weight.all()
    assert not [m for m in module.modules() if type(m).__name__ == "KeepMask"]


def test_copies_of_computed_weights_keep_the_mask() -> None:
    module = ticket()
    parametrizations.weight_norm(module.hidden)
    module(IMAGES)
    copied = copy.deepcopy(module)
    train(copied)
    assert back(copied) == 0
    handle = mask_handle(copied)
    assert handle is not None
    handle.remove()
    copied.hidden.weight = torch.ones(5, 8)
    assert copied.hidden.weight.all()
    train(module)
    assert back(module) == 0


# ------------------------------------------------------------------- layers that are replaced


def test_a_new_head_trains_and_is_named() -> None:
    module = ticket()
    module.output = nn.Linear(5, 26)
    with named("output.weight"):
        train(module)
    assert module(IMAGES).shape == (6, 26)
    assert back(module) == 0
    handle = mask_handle(module)
    assert handle is not None
    assert set(handle.mask) == {"hidden.weight"}
    assert handle.density == KEEP.sum() / KEEP.numel()


@pytest.mark.parametrize("away", ["identity", "deleted", "none", "bias only"])
def test_a_layer_that_is_gone_is_named_and_held_again_when_it_is_back(away: str) -> None:
    module = ticket()
    head = module.output
    if away == "identity":
        module.output = nn.Identity()  # type: ignore[assignment]
    elif away == "deleted":
        del module.output
    elif away == "none":
        module.output = None  # type: ignore[assignment]
    else:
        module.output = nn.BatchNorm1d(5, affine=False)  # type: ignore[assignment]
    with named("output.weight"):
        assert mask_handle(module) is not None
    assert mask_handle(module) is not None  # and is not named again
    nn.init.ones_(head.weight)
    module.output = head
    train(module)
    assert back(module, "output", HEAD) == 0
    assert mask_handle(module).density == density_of(MASK)  # type: ignore[union-attr]


def density_of(mask: dict[str, Tensor]) -> float:
    return sum(int(k.sum()) for k in mask.values()) / sum(k.numel() for k in mask.values())


def test_a_module_without_any_masked_layer_is_left_in_peace() -> None:
    module = ticket()
    module.hidden, module.output = nn.Linear(8, 6), nn.Linear(6, 3)
    with pytest.warns(UserWarning, match="cannot be held") as told:
        train(module)
    assert len(told) == 2
    handle = mask_handle(module)
    assert handle is not None
    assert (handle.density, handle.mask) == (1.0, {})


class Adapter(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.inner, self.change = layer, nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images) + self.change(images)  # type: ignore[no-any-return]


@pytest.mark.parametrize("wrap", ["adapter", "sequential", "computed"])
def test_a_layer_that_is_wrapped_is_followed(wrap: str) -> None:
    module = ticket()
    layer = module.hidden
    if wrap == "adapter":
        module.hidden = Adapter(layer)  # type: ignore[assignment]
    elif wrap == "computed":
        parametrizations.spectral_norm(layer)
        module.hidden = nn.Sequential(layer, nn.Dropout())  # type: ignore[assignment]
    else:
        module.hidden = nn.Sequential(layer, nn.Dropout())  # type: ignore[assignment]
    train(module)
    module(IMAGES)
    path = "hidden.inner" if wrap == "adapter" else "hidden.0"
    assert back(module, path) == 0
    copied = copy.deepcopy(module)
    train(copied)
    assert back(copied, path) == 0


def test_layers_that_change_places_take_their_masks_along() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    one, two = (torch.rand(8, 8, generator=torch.Generator().manual_seed(n)) < 0.5 for n in (4, 5))
    keep_mask(module, {"0.weight": one, "1.weight": two})
    module[0], module[1] = module[1], module[0]
    train(module)
    assert back(module, "1", one) == 0
    assert back(module, "0", two) == 0


def test_a_new_layer_of_the_same_shape_is_held_at_once() -> None:
    module = ticket()
    module.hidden = nn.Linear(8, 5)
    module(IMAGES)
    assert back(module) == 0
    train(module)
    assert back(module) == 0


def test_new_parameters_are_held_from_the_next_step_on_without_a_forward_pass() -> None:
    module = ticket()
    module(IMAGES)
    module.hidden.weight = nn.Parameter(torch.ones(5, 8))
    optimizer = optim.SGD([module.hidden.weight], lr=0.1)
    module.hidden.weight.sum().backward()
    optimizer.step()
    assert back(module) == 0


@pytest.mark.parametrize("future", ["overwrite", "swap"])
def test_conversions_that_make_new_parameters_or_swap_their_contents(future: str) -> None:
    module = ticket()
    switch = {
        "overwrite": torch.__future__.set_overwrite_module_params_on_conversion,
        "swap": torch.__future__.set_swap_module_params_on_conversion,
    }[future]
    switch(True)  # noqa: FBT003 - as PyTorch has it
    try:
        module.double()
        module(IMAGES.double()).square().mean().backward()
        module.hidden.weight.grad = None
        module(IMAGES.double()).square().mean().backward()
        assert not gradient(module.hidden)[~KEEP].any()
        module.load_state_dict(network().double().state_dict())
        assert back(module) == 0
    finally:
        switch(False)  # noqa: FBT003 - as PyTorch has it


# ----------------------------------------------------------------------- frozen, shared, sparse


def test_gradients_of_dropped_weights_are_zero_after_unfreezing() -> None:
    module = network().requires_grad_(requires_grad=False)
    keep_mask(module, MASK)
    assert not any(parameter.requires_grad for parameter in module.parameters())
    module.requires_grad_(requires_grad=True)
    # not through the module, so that nothing of it is run before
    module.output(module.hidden(IMAGES)).sum().backward()
    for name, keep in MASK.items():
        gradient = module.get_parameter(name).grad
        assert gradient is not None
        assert not gradient[~keep].any()
        assert gradient[keep].any()


def test_a_frozen_module_is_used_and_copied_and_unfrozen() -> None:
    module = ticket()
    module.requires_grad_(requires_grad=False)
    copied = copy.deepcopy(module)
    module(IMAGES)
    copied(IMAGES)
    copied.requires_grad_(requires_grad=True)
    copied(IMAGES).sum().backward()
    assert not gradient(copied.hidden)[~KEEP].any()
    assert module.hidden.weight.grad is None


@pytest.mark.parametrize("names", [("0.weight",), ("1.weight",), ("0.weight", "1.weight")])
def test_a_shared_weight_may_have_one_name_or_both(names: tuple[str, ...]) -> None:
    first, second = nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False)
    second.weight = first.weight
    module, keep = nn.Sequential(first, second), KEEP[:, :5]
    handle = keep_mask(module, dict.fromkeys(names, keep))
    optimizer = optim.AdamW(module.parameters(), weight_decay=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        module(IMAGES[:, :5]).square().mean().backward()
        optimizer.step()
    assert second.weight is first.weight
    assert not first.weight[~keep].any()
    assert handle.density == int(keep.sum()) / keep.numel()
    copied = copy.deepcopy(module)
    copied(IMAGES[:, :5]).sum().backward()
    assert not gradient(copied[1])[~keep].any()


def test_two_masks_of_one_shared_weight_are_refused_for_what_they_are() -> None:
    module = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
    module[1].weight = module[0].weight
    keep = KEEP[:, :5]
    with pytest.raises(MaskMismatchError, match=r"'0\.weight' and '1\.weight' are one shared"):
        keep_mask(module, {"0.weight": keep, "1.weight": ~keep})


def test_weights_that_become_shared_keep_both_masks_and_apart_again_each_its_own() -> None:
    module = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
    keep, other = KEEP[:, :5], KEEP[:, 3:]
    keep_mask(module, {"0.weight": keep, "1.weight": other})
    module[1].weight = module[0].weight
    optimizer = optim.SGD(module.parameters(), lr=0.1)
    module(IMAGES[:, :5]).sum().backward()
    optimizer.step()
    assert back(module, "0", keep & other) == 0
    module[1].weight = nn.Parameter(torch.ones(5, 5))
    module(IMAGES[:, :5])
    assert back(module, "1", other) == 0


@pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning")  # Adagrad's own
@pytest.mark.parametrize("optimizer", [optim.SGD, optim.SparseAdam, optim.Adagrad])
def test_sparse_gradients_are_masked_and_stay_sparse(optimizer: type[optim.Optimizer]) -> None:
    module, keep = nn.Embedding(7, 4, sparse=True), torch.rand(7, 4) > 0.5
    keep[1:3] = torch.tensor([True, False, False, True])
    keep_mask(module, {"weight": keep})
    trainer = optimizer(module.parameters(), lr=0.1)  # type: ignore[call-arg]
    before = module.weight.detach().clone()
    for _ in range(3):
        trainer.zero_grad()
        module(torch.tensor([1, 2, 2])).square().sum().backward()
        assert module.weight.grad is not None
        assert module.weight.grad.is_sparse
        assert not module.weight.grad.to_dense()[~keep].any()
        trainer.step()
    assert not module.weight[~keep].any()
    assert (module.weight != before)[1:3][keep[1:3]].all()


def test_a_weight_without_a_plain_layout_is_refused() -> None:
    module = nn.Linear(8, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.weight = nn.Parameter(module.weight.detach().to_sparse_csr())
    with pytest.raises(MaskMismatchError, match=r"'weight' is stored as torch\.sparse_csr"):
        keep_mask(module, {"weight": KEEP})


# --------------------------------------------------------------------- former modules


def test_former_modules_are_collected_in_the_middle_of_a_step() -> None:
    theirs = register_optimizer_step_post_hook(lambda *_: collect())
    try:
        module = ticket()
        optimizer = optim.SGD(module.parameters(), lr=0.1)
        for _ in range(4):
            former = ticket()
            former.trainer = [former]  # type: ignore[assignment]  # a reference back
            del former
            step(module, optimizer)
    finally:
        theirs.remove()
    assert back(module) == 0


def test_a_copy_is_held_by_its_first_step_even_without_a_forward_pass() -> None:
    for copied in (copy.deepcopy(ticket()), pickled(ticket())):
        optimizer = optim.SGD(copied.parameters(), lr=0.1)
        copied.output(copied.hidden(IMAGES)).sum().backward()
        optimizer.step()
        copied.output(copied.hidden(IMAGES)).sum().backward()
        optimizer.step()
        assert back(copied) == 0


def pickled(module: Network) -> Network:
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    loaded: Network = torch.load(buffer, weights_only=False)
    return loaded


# ---------------------------------------------------------- weights that are given for one call


@pytest.mark.parametrize("kind", ["tensors", "parameters"])
def test_weights_given_for_one_call_are_masked_in_it_and_stay_as_they_are(kind: str) -> None:
    module, dense = ticket(), network()
    given: dict[str, Tensor] = {
        name: value if kind == "parameters" else value.detach().clone().requires_grad_()
        for name, value in dense.named_parameters()
    }
    before = {name: value.detach().clone() for name, value in given.items()}
    held = copy.deepcopy(module.state_dict())
    result = torch.func.functional_call(module, dict(given), (IMAGES,))
    assert torch.allclose(result, module(IMAGES))  # its weights are those under the mask
    assert all(torch.equal(given[name], value) for name, value in before.items())
    assert all(torch.equal(held[name], value) for name, value in module.state_dict().items())
    result.sum().backward()
    for name, keep in MASK.items():
        gradient = given[name].grad
        assert gradient is not None
        assert not gradient[~keep].any()
        assert gradient[keep].any()
    train(module)
    assert back(module) == 0
    assert all(torch.equal(given[name], value) for name, value in before.items())


def test_functional_training_keeps_the_mask() -> None:
    module = ticket()
    weights = {name: value.detach().clone() for name, value in module.named_parameters()}

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(module, weights, (IMAGES,)).square().mean()  # type: ignore[no-any-return]

    for _ in range(3):
        gradients = torch.func.grad(loss)(weights)
        weights = {name: value - 0.1 * gradients[name] for name, value in weights.items()}
    for name, keep in MASK.items():
        assert not weights[name][~keep].any()
    stacked = {name: torch.stack([value, value + 1]) for name, value in weights.items()}
    both = torch.vmap(lambda one: torch.func.functional_call(module, one, (IMAGES,)))(stacked)
    assert torch.allclose(both[0], torch.func.functional_call(module, weights, (IMAGES,)))
    dropped = {name: value * MASK.get(name, 1) for name, value in stacked.items()}
    again = torch.vmap(lambda one: torch.func.functional_call(module, one, (IMAGES,)))(dropped)
    assert torch.allclose(both, again)


def test_a_call_that_fails_gives_back_what_was_given() -> None:
    module = ticket()
    given = {name: value.detach().clone() for name, value in network().named_parameters()}
    kept = dict(given)
    with pytest.raises(RuntimeError):
        torch.func.functional_call(module, given, (torch.ones(6, 9),))
    assert all(given[name] is value for name, value in kept.items())
    assert not module._forward_hooks


# --------------------------------------------------------- modules that are turned into graphs


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_ticket_is_traced_and_answers_as_it_did() -> None:
    module = ticket().eval()
    traced = torch.jit.trace(module, IMAGES)
    assert torch.equal(traced(IMAGES), module(IMAGES))
    train(module)
    assert torch.allclose(traced(IMAGES), module(IMAGES))  # they share their parameters
    assert back(module) == 0


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_ticket_is_scripted_and_answers_as_it_did() -> None:
    module = ticket().eval()
    scripted = torch.jit.script(module)
    assert torch.equal(scripted(IMAGES), module(IMAGES))
    train(module)
    assert back(module) == 0
    copied = torch.jit.script(copy.deepcopy(module))
    assert torch.allclose(copied(IMAGES), module(IMAGES))


def test_a_compiled_module_is_one_graph_and_keeps_its_mask() -> None:
    module = ticket()
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    optimizer = optim.AdamW(module.parameters(), weight_decay=0.5)
    for _ in range(2):
        step(compiled, optimizer)  # type: ignore[arg-type]
    assert back(module) == 0
    with torch.no_grad():
        module.hidden.weight.add_(1)  # an optimizer written by hand
    compiled(IMAGES)
    assert back(module) == 0


def test_a_ticket_is_exported_as_a_graph() -> None:
    module = ticket().eval()
    program = torch.export.export(module, (IMAGES,))
    assert torch.equal(program.module()(IMAGES), module(IMAGES))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_older_export_to_onnx_takes_a_ticket() -> None:
    onnx = pytest.importorskip("onnx")
    module, buffer = ticket().eval(), io.BytesIO()
    torch.onnx.export(module, (IMAGES,), buffer, dynamo=False)  # type: ignore[arg-type]  # as its text has it
    stored = onnx.load_from_string(buffer.getvalue()).graph.initializer
    weights = {each.name: torch.tensor(onnx.numpy_helper.to_array(each)) for each in stored}
    assert torch.equal(weights["hidden.weight"], module.hidden.weight.detach())
    assert back(module) == 0


def test_a_compiled_module_may_have_been_parametrized_just_before() -> None:
    module = ticket()
    parametrizations.weight_norm(module.hidden)
    compiled = torch.compile(module, backend="eager")
    optimizer = optim.SGD(module.parameters(), lr=0.1)
    for _ in range(2):
        step(compiled, optimizer)  # type: ignore[arg-type]
    compiled(IMAGES)
    assert back(module) == 0
