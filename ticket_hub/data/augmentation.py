"""Flips, crops and colours, batched on the device: functions of (seed, level, epoch, sample).

The draws come from a counter, not from a generator: an integer hash of the stream of a member
(`derive_seed` of its seed and level), the epoch, and the index of the example in the training
part. So they depend neither on who else is in the batch or the stack, nor on the device, nor on
what was drawn before, and resuming has nothing to restore.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ticket_hub.data.colours import jittered
from ticket_hub.data.windows import DRAWS, WORD, windows, zoomed
from ticket_hub.recipe import DataSpec
from ticket_hub.seeds import derive_seed
from ticket_hub.shapes import Int64, Shaped, UInt8

__all__ = ["Augmentation", "augmented", "is_augmented"]

GOLDEN = 0x9E37_79B9  # 2**32 over the golden ratio: far-apart states for the draws of one sample
FLIP, UP, LEFT = range(3)


def is_augmented(spec: DataSpec) -> bool:
    """Whether training images change from epoch to epoch."""
    return spec.flip or spec.crop != 0 or bool(spec.jitter)


class Augmentation:
    """Augments the batches of a stack of members, as `spec` says.

    Calling it makes only kernels on the device: it never waits for the device and never copies to
    it, so that a CUDA graph can capture it; the epoch may be a tensor there.

    On one thread of a CPU, gathering, augmenting and normalizing a CIFAR image costs 1/11 (1/10.5
    to 1/13.7 over 15 interleaved rounds) of RandomCrop, RandomHorizontalFlip, ToTensor and
    Normalize on a Pillow image (`benchmarks/augmentation.py`; torch 2.13, Pillow 13).

    Args:
        streams: seed and level of every member.
        device: where the batches will be.
    """

    def __init__(
        self, spec: DataSpec, streams: Sequence[tuple[int, int]], device: str | torch.device
    ) -> None:
        self.spec = spec
        words = [divmod(derive_seed(seed, "augment", level), WORD + 1) for seed, level in streams]
        self._keys = torch.tensor(words, dtype=torch.int64).to(device)
        self._zooms = spec.crop == "resized"
        self._padding = 0 if isinstance(spec.crop, str) else spec.crop
        places = 2 * self._padding + 1
        self._places = torch.tensor([2, places, places]).to(device)
        self._words = DRAWS if self._zooms else 3
        if spec.jitter:
            self._words = DRAWS + len(spec.jitter)

    def __call__(
        self,
        images: Shaped[Tensor, "members batch channels height width"],
        indices: Int64[Tensor, "members batch"],
        epoch: int | Tensor,
    ) -> Shaped[Tensor, "members batch channels height width"]:
        """Images of one step, moved and mirrored; other examples, which never are, as they come.

        With `spec.crop` = p, an image is padded by p black pixels on each side and a window of
        its own size is cut out, all (2p + 1)**2 places being equally likely; with `resized`, a
        window of `windows` is cut out and scaled to the whole. Then, with `spec.flip`, it is
        mirrored left to right with probability one half, and its colours change as `jittered`
        says.

        Args:
            indices: of the examples within the training part.
            epoch: of all members, or int64 `(members,)`; counted from 0.
        """
        if not is_augmented(self.spec):
            return images
        return self.move(images, self.moves(indices, epoch, (images.shape[-2], images.shape[-1])))

    def moves(
        self,
        indices: Int64[Tensor, "*steps members batch"],
        epoch: int | Tensor,
        size: tuple[int | Tensor, int | Tensor],
    ) -> Int64[Tensor, "*steps members batch moves"]:
        """What becomes of every sample: 1 where it is mirrored, rows down, and columns right.

        The last two are in [0, 2p]. With `resized`, the height and width of the window follow, and
        with a jitter the random words of its colours. So many steps may be drawn at once, `epoch`
        as in `draws`.

        Args:
            size: height and width of the images, or of each, `(*steps, members, batch)`.
        """
        words = self.draws(indices, epoch)
        # A word of 32 bits times the number of places: the upper half is uniform over them, without
        # a modulo.
        found = words[..., :3].mul(self._places) >> 32
        if self._zooms:
            found = torch.cat([found[..., :1], windows(words, *size, self.spec)], -1)
        return torch.cat([found, words[..., DRAWS:]], -1) if self.spec.jitter else found

    def move(
        self,
        images: Shaped[Tensor, "members batch channels height width"],
        moves: Int64[Tensor, "members batch moves"],
        *,
        is_cut: bool = False,
    ) -> Shaped[Tensor, "members batch channels height width"]:
        """Images of one step, moved as `moves` has drawn.

        Args:
            is_cut: the windows of `resized` were cut out and scaled before.
        """
        flat, drawn = images.flatten(0, 1), moves.flatten(0, 1)
        place = drawn[:, :3]
        if self._zooms:
            if not is_cut:
                flat = zoomed(flat, drawn[:, 1:5])
            place = torch.cat([drawn[:, :1], torch.zeros_like(drawn[:, 1:3])], 1)
        flat = _moved(flat, place, self._padding, flip=self.spec.flip)
        if self.spec.jitter:
            flat = jittered(flat, drawn[:, 5 if self._zooms else 3 :], self.spec.jitter)
        return flat.view(images.shape)

    def draws(
        self, indices: Int64[Tensor, "*steps members batch"], epoch: int | Tensor
    ) -> Int64[Tensor, "*steps members batch words"]:
        """The random words of every sample: for flip, vertical and horizontal place, in [0, 2**32).

        Where the recipe needs more, these follow; no word depends on how many there are.

        Each is a hash of 64 bits of state: two words that hold stream and epoch, one of which
        enters before, the other after the sample's index is mixed in.

        Args:
            epoch: int64 `(*steps, members)`, or what spreads to it.
        """
        high, low = self._keys.unbind(1)
        first = _mixed((high + epoch) & WORD)
        second = _mixed((low ^ first) & WORD)
        samples = _mixed((indices & WORD) ^ first[..., None])
        places = torch.arange(self._words, device=indices.device) * GOLDEN
        return _mixed((samples[..., None] + second[..., None, None] + places) & WORD)


def augmented(
    images: UInt8[Tensor, "batch channels height width"],
    indices: Int64[Tensor, " batch"],
    spec: DataSpec,
    *,
    seed: int,
    level: int,
    epoch: int,
) -> UInt8[Tensor, "batch channels height width"]:
    """The images of one member alone; the same as in any stack. See `Augmentation`."""
    alone = Augmentation(spec, [(seed, level)], images.device)
    return alone(images[None], indices[None], epoch)[0]


def _mixed(words: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """A bijection on 32-bit words that flips every output bit with probability one half.

    The constants are `lowbias32` of C. Wellons' hash-prospector (public domain). The second
    factor is taken modulo 2**32 with a sign, so that no product leaves 64 bits.
    """
    words = (words ^ (words >> 16)) * 0x7FEB_352D & WORD
    words = (words ^ (words >> 15)) * (0x846C_A68B - 2**32) & WORD
    return words ^ (words >> 16)


def _moved(images: Tensor, moves: Tensor, padding: int, *, flip: bool) -> Tensor:
    """Crop and flip as one gather over the padded images."""
    batch, channels, height, width = images.shape
    padded = functional.pad(images, [padding] * 4)
    mirrored, down, right = moves[:, :, None].unbind(1)
    rows = torch.arange(height, device=images.device) + down
    columns = torch.arange(width, device=images.device).expand(batch, width)
    if flip:
        columns = torch.where(mirrored == 1, width - 1 - columns, columns)
    columns = columns + right
    pixels = rows[:, :, None] * padded.shape[3] + columns[:, None, :]
    chosen = pixels.view(batch, 1, -1).expand(batch, channels, -1)
    return padded.flatten(2).gather(2, chosen).view(images.shape)
