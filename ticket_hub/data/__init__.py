"""Data sets as uint8 tensors on the device."""

from ticket_hub.data import arrays as _arrays  # noqa: F401 - registers its names
from ticket_hub.data import folder as _folder  # noqa: F401 - registers its names
from ticket_hub.data import huggingface as _huggingface  # noqa: F401 - registers its names
from ticket_hub.data import imagenet as _imagenet  # noqa: F401 - registers its names
from ticket_hub.data import published as _published  # noqa: F401 - registers its names
from ticket_hub.data import texts as _texts  # noqa: F401 - registers its names
from ticket_hub.data.adaptation import adapted
from ticket_hub.data.augmentation import Augmentation, is_augmented
from ticket_hub.data.dataset import DataSet, Part, Published, normalized
from ticket_hub.data.given import keep
from ticket_hub.data.loading import load
from ticket_hub.data.packed import PackedImages
from ticket_hub.data.packing import data_pack
from ticket_hub.data.registry import data_names, register_dataset
from ticket_hub.data.suggestions import suggested

__all__ = [
    "Augmentation",
    "DataSet",
    "PackedImages",
    "Part",
    "Published",
    "adapted",
    "data_names",
    "data_pack",
    "is_augmented",
    "keep",
    "load",
    "normalized",
    "register_dataset",
    "suggested",
]
