"""Training over the survivors alone: the sparser a network is, the cheaper a step."""

from ticket_hub.training.sparse.compiled import SparseNumba
from ticket_hub.training.sparse.eager import SparseTorch

__all__ = ["SparseNumba", "SparseTorch"]
