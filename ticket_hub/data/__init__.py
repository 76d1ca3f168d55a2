"""Data sets as uint8 tensors on the device."""

from ticket_hub.data.adaptation import adapted
from ticket_hub.data.augmentation import Augmentation, is_augmented
from ticket_hub.data.dataset import DataSet, Part, Published, normalized
from ticket_hub.data.own import register_dataset
from ticket_hub.data.registry import data_names, load

__all__ = [
    "Augmentation",
    "DataSet",
    "Part",
    "Published",
    "adapted",
    "data_names",
    "is_augmented",
    "load",
    "normalized",
    "register_dataset",
]
