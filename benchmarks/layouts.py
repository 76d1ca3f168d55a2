"""Which convolutions are computed wrongly in which layout: gradients against float64, on one CPU.

    python benchmarks/layouts.py [--quick] [--dtype float32 bfloat16] [--threads 1 2]
                                 [--kinds plain grouped depthwise transposed] [--seconds 60]

Each kind of layer is trained with few and odd numbers of channels, in channels-last and
contiguous, in a process of its own, since what is looked for writes past its memory. A shape
counts as dead if its process died there or hung for `--seconds`, as wrong if a value or gradient
lies ten times farther from float64 than the type's rounding explains. `ONEDNN_MAX_CPU_ISA=AVX2`
shows an older processor on a newer one.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from ticket_hub.environment import fingerprint
from ticket_hub.training.layout import is_unsafe_in_channels_last

KINDS = ("plain", "grouped", "depthwise", "transposed")
WINDOWS = ((1, 1), (1, 2), (3, 1), (3, 2), (7, 2))  # kernel, stride
CHANNELS = (1, 2, 3, 4, 6, 7, 8, 9, 12, 15, 16, 17, 20, 24, 31, 32)
QUICK = (1, 3, 4, 8, 12, 16)
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.08}
REPEATS = 20


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """A layer and its inputs; the batch holds 60 square images."""

    kind: str
    channels: int
    outputs: int
    groups: int
    kernel: int
    stride: int
    image: int

    def layer(self) -> nn.Module:
        """The layer, drawn by torch's present seed."""
        make = nn.ConvTranspose2d if self.kind == "transposed" else nn.Conv2d
        return make(
            self.channels, self.outputs, self.kernel, stride=self.stride,
            padding=self.kernel // 2, groups=self.groups, bias=False,
        )  # fmt: skip


def shapes(kind: str, kernel: int, stride: int, channels: tuple[int, ...]) -> Iterator[LayerShape]:
    """All shapes of a kind, a kernel and a stride."""
    for count in channels:
        groups = {"depthwise": count, "grouped": 2}.get(kind, 1)
        inputs = 2 * count if kind == "grouped" else count
        wanted = {"depthwise": (count,), "grouped": (inputs,)}.get(kind, (count, 8, 16))
        for outputs in sorted(set(wanted)):
            for image in (8, 16):
                yield LayerShape(
                    kind=kind, channels=inputs, outputs=outputs, groups=groups, kernel=kernel,
                    stride=stride, image=image,
                )  # fmt: skip


def error(shape: LayerShape, dtype: torch.dtype, layout: torch.memory_format) -> float:
    """The largest error of output, gradients and evaluation, of the largest true value."""
    torch.manual_seed(0)
    layer, true = shape.layer().to(dtype), shape.layer().double()
    true.load_state_dict(layer.state_dict())
    layer.to(memory_format=layout)  # type: ignore[call-overload]
    images = torch.randn(60, shape.channels, shape.image, shape.image).to(dtype)
    wanted = true(images.double())
    push = torch.randn_like(wanted).to(dtype)
    references = [wanted, *_gradients(true, images.double(), push.double())]
    images, push = (x.contiguous(memory_format=layout) for x in (images, push))
    worst = 0.0
    for _ in range(REPEATS):
        values = [layer(images), *_gradients(layer, images, push)]
        with torch.inference_mode():
            values.append(layer(images))
        for value, reference in zip(values, [*references, wanted], strict=True):
            distance = float((value.double() - reference).abs().max() / reference.abs().max())
            worst = max(worst, math.inf if math.isnan(distance) else distance)
    return worst


def _gradients(layer: nn.Module, images: Tensor, push: Tensor) -> tuple[Tensor, ...]:
    images = images.detach().requires_grad_()
    return torch.autograd.grad(layer(images), [images, *layer.parameters()], push)


def work() -> None:
    """Compute the shapes of the standard input; write each one's error as soon as it is known."""
    order = json.loads(sys.stdin.read())
    torch.set_num_threads(order["threads"])
    for row in order["shapes"]:
        faulthandler.dump_traceback_later(order["seconds"], exit=True)
        figure = error(
            LayerShape(**row), getattr(torch, order["dtype"]), getattr(torch, order["layout"])
        )
        print(json.dumps(figure), flush=True)


def errors(
    todo: list[LayerShape], dtype: str, layout: str, threads: int, seconds: float
) -> list[float | None]:
    """Each shape's error, None where the process did not live through it."""
    found: list[float | None] = []
    while len(found) < len(todo):
        order = {
            "dtype": dtype, "layout": layout, "threads": threads, "seconds": seconds,
            "shapes": [asdict(shape) for shape in todo[len(found) :]],
        }  # fmt: skip
        child = subprocess.run(
            [sys.executable, __file__, "--work"],
            check=False, input=json.dumps(order), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )  # fmt: skip
        found += [float(line) for line in child.stdout.split()]
        if len(found) < len(todo):
            found.append(None)
    return found


def row(
    title: str, todo: list[LayerShape], dtype: str, layout: str, *, threads: int, seconds: float
) -> list[LayerShape]:
    """Print what some shapes came to; returns those that went wrong."""
    found = errors(todo, dtype, layout, threads, seconds)
    pairs = zip(todo, found, strict=True)
    bad = [shape for shape, figure in pairs if figure is None or figure > TOLERANCE[dtype]]
    lived = [figure for figure in found if figure is not None]
    dead = found.count(None)
    print(
        f"{dtype:9} threads {threads}  {title}  {layout:17} {len(todo):4} shapes  "
        f"dead {dead:3}  wrong {len(bad) - dead:3}  "
        f"largest error {max(lived, default=math.nan):.1e}  "
        f"inputs {sorted({shape.channels // shape.groups for shape in bad})}",
        flush=True,
    )
    return bad


def main() -> None:
    """Print one row for each kind of layer, and fail if the rule misses one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--seconds", type=float, default=60.0, help="the most for one shape")
    options = parser.parse_args()
    if options.work:
        work()
        return
    facts = fingerprint("cpu")
    print(*(facts[key] for key in ("device", "cpu_capability", "torch")), sep=", ")
    channels = QUICK if options.quick else CHANNELS
    missed: list[LayerShape] = []
    for threads, dtype, kind, (kernel, stride) in itertools.product(
        options.threads, options.dtype, options.kinds, WINDOWS
    ):
        title = f"{kind:10} {kernel}x{kernel} stride {stride}"
        limits = {"threads": threads, "seconds": options.seconds}
        todo = list(shapes(kind, kernel, stride, channels))
        bad = row(title, todo, dtype, "channels_last", **limits)
        missed += [shape for shape in bad if not is_unsafe_in_channels_last(shape.layer())]
        missed += row(title, todo, dtype, "contiguous_format", **limits)
    sys.exit(f"The rule misses {missed}" if missed else 0)


if __name__ == "__main__":
    main()
