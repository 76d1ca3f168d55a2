"""Train LeNet-300-100 on EMNIST letters, and keep its weights: the start of pretrained.sh.

python letters.py letters.safetensors
"""

from __future__ import annotations

import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional

from ticket_hub.data import load, normalized
from ticket_hub.networks import architecture_for, build
from ticket_hub.recipe import DataSpec, NetworkSpec

STEPS, BATCH, RATE = 10_000, 60, 1.2e-3

torch.set_num_threads(1)
torch.manual_seed(0)
data = load(DataSpec(name="emnist-letters"))
spec = NetworkSpec(name="lenet-300-100")
network = build(architecture_for(spec, data.input_shape, data.classes), seed=1)
optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
for _ in range(STEPS):
    rows = torch.randint(len(data.train), (BATCH,))
    logits = network(normalized(data.train.inputs[rows], data))
    optimizer.zero_grad()
    functional.cross_entropy(logits, data.train.labels[rows]).backward()
    optimizer.step()
with torch.no_grad():
    logits = network.eval()(normalized(data.test.inputs, data))
right = (logits.argmax(1) == data.test.labels).float().mean()
print(f"test accuracy on letters: {right:.4f}")
save_file({name: value.contiguous() for name, value in network.state_dict().items()}, sys.argv[1])
