"""Push a network with timm and load it back with `hf-hub:`; the mixin does the same."""

from __future__ import annotations

import sys
import uuid

import torch
from huggingface_hub import PyTorchModelHubMixin, whoami
from torch import nn

from ticket_hub.vision import import_with_torchvision


class Small(nn.Module, PyTorchModelHubMixin):
    """A user's own module with the client library's mixin."""

    def __init__(self, width: int = 8) -> None:
        """Make one layer."""
        super().__init__()
        self.layer = nn.Linear(width, 3)


def main() -> None:
    torch.set_num_threads(1)
    me, mark = whoami()["name"], uuid.uuid4().hex[:8]
    mixin(f"{me}/mixin-{mark}")
    through_timm(f"{me}/timm-{mark}")
    sys.stdout.write("done\n")


def mixin(repository: str) -> None:
    pushed = Small(width=5)
    pushed.push_to_hub(repository, private=True)
    pulled = Small.from_pretrained(repository)
    assert torch.equal(pushed.layer.weight, pulled.layer.weight)


def through_timm(repository: str) -> None:
    timm = import_with_torchvision("timm")
    network = timm.create_model("test_vit", num_classes=7)
    timm.models.push_to_hf_hub(network, repository, model_config={"num_classes": 7})
    loaded = timm.create_model(f"hf-hub:{repository}", pretrained=True)
    assert loaded.num_classes == 7
    for name, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


if __name__ == "__main__":
    main()
