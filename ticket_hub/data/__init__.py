"""Data sets as uint8 tensors on the device."""

from ticket_hub.data.adaptation import adapted
from ticket_hub.data.augmentation import Augmentation, is_augmented
from ticket_hub.data.dataset import DataSet, Part, normalized
from ticket_hub.data.registry import data_names, load

__all__ = [
    "Augmentation",
    "DataSet",
    "Part",
    "adapted",
    "data_names",
    "is_augmented",
    "load",
    "normalized",
]
