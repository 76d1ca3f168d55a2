"""What a training image of CIFAR-10 costs: batched on the device, or transformed one by one.

    python benchmarks/augmentation.py [DATA_DIR]

Both sides pad by four pixels, crop, mirror, and normalize, on one thread, in interleaved rounds.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from ticket_hub.data import Augmentation, DataSet, load, normalized
from ticket_hub.recipe import DataSpec
from ticket_hub.vision import import_with_torchvision

ROUNDS, BATCH, BATCHES, SINGLES = 15, 128, 40, 512


def batched(data: DataSet) -> Callable[[], None]:
    """Gather, augment and normalize whole batches."""
    augment = Augmentation(data.spec, [(0, 0)], "cpu")
    generator = torch.Generator().manual_seed(0)
    table = torch.randint(len(data.train), (BATCHES, 1, BATCH), generator=generator)

    def run() -> None:
        for chosen in table:
            normalized(augment(data.train.inputs[chosen], chosen, 3), data)

    return run


def one_by_one(data: DataSet) -> Callable[[], None]:
    """Torchvision's transforms of Pillow images."""
    transforms = import_with_torchvision("torchvision.transforms")
    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, 4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(data.mean.tolist(), data.std.tolist()),
        ]
    )
    pictures = [
        Image.fromarray(image.permute(1, 2, 0).numpy()) for image in data.train.inputs[:SINGLES]
    ]

    def run() -> None:
        for picture in pictures:
            transform(picture)

    return run


def microseconds(run: Callable[[], None], images: int) -> float:
    """Of one image."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) / images * 1e6


def main() -> None:
    """Print the median, and the ratio with its range."""
    torch.set_num_threads(1)
    spec = DataSpec(name="cifar10", normalize="standard", flip=True, crop=4)
    data = load(spec, Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    ours, theirs = batched(data), one_by_one(data)
    rounds = [
        (microseconds(ours, BATCH * BATCHES), microseconds(theirs, SINGLES)) for _ in range(ROUNDS)
    ]
    ratios = [single / batch for batch, single in rounds]
    print(f"batched     {statistics.median(b for b, _ in rounds):7.1f} us an image")
    print(f"one by one  {statistics.median(s for _, s in rounds):7.1f} us an image")
    print(f"ratio       {statistics.median(ratios):7.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
