from __future__ import annotations

import copy
import functools
import io
import weakref
from collections.abc import Callable, Iterable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn, optim
from torch.nn import functional

from ticket_hub.errors import MaskMismatchError
from ticket_hub.pruning import keep_mask, load_masked, mask_handle
from ticket_hub.types import Mask

MakeOptimizer = Callable[[Iterable[Tensor]], optim.Optimizer]

OPTIMIZERS: dict[str, MakeOptimizer] = {
    "sgd": functools.partial(optim.SGD, lr=0.1),
    "sgd-momentum": functools.partial(optim.SGD, lr=0.1, momentum=0.9),
    "sgd-nesterov": functools.partial(
        optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01
    ),
    "sgd-foreach": functools.partial(optim.SGD, lr=0.1, momentum=0.9, foreach=True),
    "adam": functools.partial(optim.Adam, lr=0.01),
    "adam-l2": functools.partial(optim.Adam, lr=0.01, weight_decay=0.1, amsgrad=True),
    "adam-fused": functools.partial(optim.Adam, lr=0.01, fused=True),
    "adamw": functools.partial(optim.AdamW, lr=0.01, weight_decay=0.5),
    "adamax": functools.partial(optim.Adamax, lr=0.01, weight_decay=0.1),
    "nadam": functools.partial(optim.NAdam, lr=0.01, weight_decay=0.1),
    "radam": functools.partial(optim.RAdam, lr=0.01, weight_decay=0.1),
    "rmsprop": functools.partial(optim.RMSprop, lr=0.01, momentum=0.9, centered=True),
    "adagrad": functools.partial(optim.Adagrad, lr=0.01, weight_decay=0.1),
    "adadelta": functools.partial(optim.Adadelta, weight_decay=0.1),
    "asgd": functools.partial(optim.ASGD, lr=0.01, lambd=0.1),
    "rprop": functools.partial(optim.Rprop, lr=0.01),
    "lbfgs": functools.partial(optim.LBFGS, lr=0.1),
}

IMAGES = torch.randn(16, 1, 4, 4, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(16) % 3


def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)
        )


def masks(seed: int = 0, share: float = 0.5) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"0.weight": (3, 1, 3, 3), "4.weight": (3, 12)}
    return {name: torch.rand(shape, generator=generator) < share for name, shape in shapes.items()}


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def is_masked(module: nn.Module, mask: Mask) -> bool:
    return all(not module.state_dict()[name][~keep].any() for name, keep in mask.items())


def step(module: nn.Module, optimizer: optim.Optimizer) -> None:
    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(module(IMAGES), LABELS)
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]  # any tensor-like loss will do


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_masked_weights_are_exactly_zero_after_every_step_of_every_optimizer(name: str) -> None:
    module, mask = network(), masks()
    load_masked(module, weights(module), mask)
    optimizer = OPTIMIZERS[name](module.parameters())
    for _ in range(6):
        step(module, optimizer)
        assert is_masked(module, mask)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_surviving_weights_move_whatever_their_sign(name: str) -> None:
    module, mask = network(), masks()
    theta0 = weights(module)
    load_masked(module, theta0, mask)
    optimizer = OPTIMIZERS[name](module.parameters())
    for _ in range(3):
        step(module, optimizer)
    for layer, keep in mask.items():
        moved = module.state_dict()[layer] != theta0[layer]
        assert moved[keep & (theta0[layer] < 0)].all()
        assert moved[keep & (theta0[layer] > 0)].all()


@settings(max_examples=30)
@given(
    st.sampled_from(sorted(OPTIMIZERS)),
    st.integers(0, 1000),
    st.floats(0, 1),
    st.floats(1e-6, 10),
)
def test_no_mask_and_no_rate_lets_a_weight_come_back(
    name: str, seed: int, share: float, rate: float
) -> None:
    module, mask = network(), masks(seed, share)
    keep_mask(module, mask)
    optimizer = OPTIMIZERS[name](module.parameters())
    for group in optimizer.param_groups:
        group["lr"] = rate
    for _ in range(3):
        step(module, optimizer)
        assert is_masked(module, mask)


def test_survivors_train_as_if_the_mask_were_multiplied_after_each_step() -> None:
    module, by_hand, mask = network(), network(), masks()
    load_masked(module, weights(module), mask)
    optimizers = [optim.Adam(one.parameters(), lr=0.01) for one in (module, by_hand)]
    for name, keep in mask.items():
        by_hand.get_parameter(name).data.mul_(keep)
    for _ in range(10):
        step(module, optimizers[0])
        step(by_hand, optimizers[1])
        for name, keep in mask.items():
            by_hand.get_parameter(name).data.mul_(keep)
    for name, value in by_hand.state_dict().items():
        assert torch.equal(module.state_dict()[name], value)


def test_loading_gives_theta0_times_mask() -> None:
    module, mask = network(), masks()
    theta0 = weights(module)
    module = network()
    handle = load_masked(module, theta0, mask)
    for name, value in module.state_dict().items():
        assert torch.equal(value, theta0[name] * mask[name] if name in mask else theta0[name])
    assert handle.density == sum(int(keep.sum()) for keep in mask.values()) / (27 + 36)
    assert list(module.state_dict()) == list(theta0)


def test_momentum_that_comes_from_elsewhere_brings_nothing_back() -> None:
    module, mask = network(), masks()
    optimizer = optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    step(module, optimizer)
    keep_mask(module, mask)
    for _ in range(3):
        step(module, optimizer)
        assert is_masked(module, mask)


def test_optimizer_state_stays_zero_where_the_mask_drops() -> None:
    module, mask = network(), masks()
    keep_mask(module, mask)
    optimizer = optim.Adam(module.parameters())
    step(module, optimizer)
    for name, keep in mask.items():
        state = optimizer.state[module.get_parameter(name)]
        assert not state["exp_avg"][~keep].any()
        assert state["exp_avg"][keep].any()


def test_a_step_written_by_hand_is_masked_by_apply_and_before_the_next_forward_pass() -> None:
    module, mask = network(), masks()
    handle = keep_mask(module, mask)
    for parameter in module.parameters():
        parameter.data.add_(1.0)
    handle.apply()
    assert is_masked(module, mask)
    for parameter in module.parameters():
        parameter.data.add_(1.0)
    module.eval()
    with torch.inference_mode():
        module(IMAGES)
    assert is_masked(module, mask)


def test_infinite_and_nan_gradients_do_not_reach_dropped_weights() -> None:
    module, mask = network(), masks()
    keep_mask(module, mask)
    optimizer = optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    (module(IMAGES).sum() * float("nan")).backward()
    optimizer.step()
    assert is_masked(module, mask)


def test_infinite_and_nan_weights_become_exactly_zero_where_they_are_dropped() -> None:
    module, mask = network(), masks()
    handle = keep_mask(module, mask)
    for bad in (float("nan"), float("inf"), -1.0):
        for name in mask:
            module.get_parameter(name).data.fill_(bad)
        handle.apply()
        for name, keep in mask.items():
            weight = module.get_parameter(name).detach()
            assert not weight[~keep].view(torch.int32).any()  # not even the sign of a zero
            assert torch.equal(weight[keep].isfinite(), torch.full((int(keep.sum()),), bad == -1.0))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_a_module_may_change_its_precision(dtype: torch.dtype) -> None:
    module, mask = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), masks()
    mask = {"1.weight": torch.arange(48).view(3, 16) % 3 == 0}
    keep_mask(module, mask)
    module.to(dtype)
    optimizer = optim.AdamW(module.parameters(), weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        module(IMAGES.to(dtype)).square().mean().backward()
        optimizer.step()
        assert is_masked(module, mask)
        assert module.get_parameter("1.weight")[mask["1.weight"]].all()


def test_gradients_may_be_differentiated_again() -> None:
    module, mask = network(), masks()
    keep_mask(module, mask)
    weight = module.get_parameter("4.weight")
    (gradient,) = torch.autograd.grad(module(IMAGES).square().mean(), weight, create_graph=True)
    assert not gradient[~mask["4.weight"]].any()
    gradient.square().sum().backward()
    assert weight.grad is not None
    assert not weight.grad[~mask["4.weight"]].any()
    assert weight.grad[mask["4.weight"]].all()


def test_several_forward_passes_may_share_one_backward_pass() -> None:
    module, mask = network(), masks()
    keep_mask(module, mask)
    optimizer = optim.SGD(module.parameters(), lr=0.1)
    (module(IMAGES[:8]).sum() + module(IMAGES[8:]).sum()).backward()
    optimizer.step()
    assert is_masked(module, mask)


def test_dense_weights_that_are_loaded_later_are_masked() -> None:
    module, mask = network(), masks()
    dense = weights(module)
    keep_mask(module, mask)
    for assign in (False, True):
        module.load_state_dict(
            {name: value.clone() for name, value in dense.items()}, assign=assign
        )
        assert is_masked(module, mask)
        step(module, optim.AdamW(module.parameters()))
        assert is_masked(module, mask)


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_a_copy_keeps_the_mask_by_itself(how: str) -> None:
    module, mask = network(), masks()
    keep_mask(module, mask)
    if how == "deepcopy":
        copied = copy.deepcopy(module)
    else:
        buffer = io.BytesIO()
        torch.save(module, buffer)
        buffer.seek(0)
        copied = torch.load(buffer, weights_only=False)
    before = weights(module)
    optimizer = optim.SGD(copied.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        step(copied, optimizer)
        assert is_masked(copied, mask)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    handle = mask_handle(copied)
    assert handle is not None
    assert handle is not mask_handle(module)
    handle.remove()
    step(copied, optimizer)
    assert not is_masked(copied, mask)
    step(module, optim.SGD(module.parameters(), lr=0.1))
    assert is_masked(module, mask)


def test_after_removal_every_weight_may_change() -> None:
    module, mask = network(), masks()
    handle = keep_mask(module, mask)
    handle.remove()
    assert mask_handle(module) is None
    step(module, optim.SGD(module.parameters(), lr=0.1))
    handle.apply()
    for name, keep in mask.items():
        assert module.get_parameter(name)[~keep].all()


def test_a_second_mask_replaces_the_first() -> None:
    module, first, second = network(), masks(1), masks(2)
    keep_mask(module, first)
    keep_mask(module, second)
    for _ in range(2):
        step(module, optim.SGD(module.parameters(), lr=0.1))
    assert is_masked(module, second)
    assert not is_masked(module, first)
    theta0 = weights(network())
    load_masked(module, theta0, first)
    for name, keep in first.items():
        assert torch.equal(module.get_parameter(name)[keep], theta0[name][keep])


def test_parameters_that_are_replaced_are_held_too() -> None:
    module, mask = network(), masks()
    keep_mask(module, mask)
    module[4] = nn.Linear(12, 3)
    step(module, optim.SGD(module.parameters(), lr=0.1))
    assert is_masked(module, mask)


def test_former_modules_are_let_go_and_leave_no_hook_behind() -> None:
    from torch.optim import optimizer

    before = len(optimizer._global_optimizer_post_hooks)
    module = network()
    handle = weakref.ref(keep_mask(module, masks()))
    del module
    assert handle() is None  # without a collection: nothing refers back
    kept = [keep_mask(module, masks()) for module in (network(), network())]
    assert len(optimizer._global_optimizer_post_hooks) == before
    assert len(kept) == 2


def test_weights_and_masks_of_another_network_are_refused_by_name() -> None:
    module = network()
    theta0 = weights(module)
    with pytest.raises(MaskMismatchError, match=r"'9\.weight'"):
        keep_mask(module, {"9.weight": torch.ones(2, dtype=torch.bool)})
    with pytest.raises(MaskMismatchError, match=r"'1\.running_mean'"):
        keep_mask(module, {"1.running_mean": torch.ones(3, dtype=torch.bool)})
    with pytest.raises(MaskMismatchError, match=r"'4\.bias'.*None"):
        load_masked(module, {k: v for k, v in theta0.items() if k != "4.bias"}, masks())
    with pytest.raises(MaskMismatchError, match=r"'0\.bias' with shape \(2,\)"):
        load_masked(module, theta0 | {"0.bias": torch.zeros(2)}, masks())


@pytest.mark.gpu
def test_the_mask_follows_the_module_to_the_gpu() -> None:
    module, mask = network(), masks()
    keep_mask(module, mask)
    module.to("cuda")
    optimizer = optim.AdamW(module.parameters(), weight_decay=0.5, fused=True)
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(module(IMAGES.cuda()), LABELS.cuda()).backward()
        optimizer.step()
        for name, keep in mask.items():
            weight = module.get_parameter(name)
            assert not weight[~keep.cuda()].any()
            assert weight[keep.cuda()].all()
