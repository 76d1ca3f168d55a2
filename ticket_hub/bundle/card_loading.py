"""The parts of a card about loading the tickets, with Ticket Hub and without, and citing them."""

from __future__ import annotations

from ticket_hub.bundle.card_experiments import one_line
from ticket_hub.bundle.card_terms import CardTerms, loading_line
from ticket_hub.bundle.citation import bundle_entry, papers_entries
from ticket_hub.bundle.manifest import Manifest
from ticket_hub.bundle.manifest_records import DefaultTicket
from ticket_hub.project import ADDRESS

__all__ = ["citing", "loading_first", "loading_without"]

_DENSE_SNIPPET = """\
import numpy as np
from safetensors.numpy import load_file

theta0 = load_file("theta0/{trial}.safetensors")
mask = load_file("masks/{trial}/{level}.safetensors")

weights = dict(theta0)
for name, packed in mask.items():
    bits = np.unpackbits(packed, count=theta0[name].size, bitorder="little")
    weights[name] = theta0[name] * bits.reshape(theta0[name].shape)
"""

_SURVIVORS_SNIPPET = """\
import json

import numpy as np
from safetensors.numpy import load_file

theta0 = load_file("theta0/{trial}.safetensors")  # only what level {densest} keeps
densest = load_file("masks/{trial}/{densest}.safetensors")
mask = load_file("masks/{trial}/{level}.safetensors")
with open("ticket.json") as manifest:
    shapes = {{layer["name"]: layer["shape"] for layer in json.load(manifest)["layers"]}}

weights = dict(theta0)
for name, packed in mask.items():
    size = int(np.prod(shapes[name]))
    whole = np.zeros(size, theta0[name].dtype)
    whole[np.unpackbits(densest[name], count=size, bitorder="little") == 1] = theta0[name]
    bits = np.unpackbits(packed, count=size, bitorder="little")
    weights[name] = (whole * bits).reshape(shapes[name])
"""

_SIGNS_SNIPPET = """\
import json

import numpy as np
from safetensors.numpy import load_file

theta0 = load_file("theta0/{trial}.safetensors")  # a bit for each weight that level {densest} keeps
densest = load_file("masks/{trial}/{densest}.safetensors")
mask = load_file("masks/{trial}/{level}.safetensors")
with open("ticket.json") as manifest:
    shapes = {{layer["name"]: layer["shape"] for layer in json.load(manifest)["layers"]}}

signs = {{}}  # -1 or 1 of what is kept, for sizes of your own; 0 of what is not
for name, packed in mask.items():
    size = int(np.prod(shapes[name]))
    kept = np.unpackbits(densest[name], count=size, bitorder="little") == 1
    whole = np.zeros(size, np.int8)
    below = np.unpackbits(theta0[name], count=kept.sum(), bitorder="little")
    whole[kept] = np.where(below, -1, 1)
    bits = np.unpackbits(packed, count=size, bitorder="little").astype(np.int8)
    signs[name] = (whole * bits).reshape(shapes[name])
"""

_REFERENCE_SNIPPET = """\
import json

import numpy as np
from safetensors.numpy import load_file

with open("ticket.json") as manifest:
    names = json.load(manifest)["reference"]["names"]
source = load_file("source.safetensors")  # {source},
# whose sha256 is {sha256}
mask = load_file("masks/{trial}/{level}.safetensors")

weights = load_file("theta0/{trial}.safetensors")  # what is not of the source
weights |= {{ours: source[theirs] for ours, theirs in names.items()}}
for name, packed in mask.items():
    bits = np.unpackbits(packed, count=weights[name].size, bitorder="little")
    weights[name] = weights[name] * bits.reshape(weights[name].shape)
"""


def loading_first(manifest: Manifest, terms: CardTerms) -> str:
    """The line that loads the default ticket, every byte checked, and how to have the tool."""
    build = "ticket.signed(seed).build()" if manifest.theta0 == "signs" else "ticket.build()"
    return (
        f"```python\n{loading_line(terms.repo)}\n```\n\n"
        f"With Ticket Hub (`pip install {ADDRESS}`, then `import ticket_hub`), which checks every "
        f"byte; `{build}` is an ordinary PyTorch module."
    )


def loading_without(manifest: Manifest, ticket: DefaultTicket) -> str:
    """How the default ticket is loaded by whoever has numpy and safetensors alone."""
    return (
        "## Load it without Ticket Hub\n\n"
        "With numpy and safetensors alone, in the folder of this bundle:\n\n"
        f"```python\n{_snippet(manifest, ticket)}```"
    )


def citing(manifest: Manifest, terms: CardTerms) -> str:
    """How to cite the bundle and the method; the commit is only known where one has it."""
    entries = f"{bundle_entry(manifest, repo=terms.repo)}\n\n{papers_entries(manifest)}"
    commit = f"; `ticket cite {terms.repo}` adds the commit" * bool(terms.repo)
    return f"## Cite it\n\nBy the digest of its content{commit}.\n\n```bibtex\n{entries}\n```"


def _snippet(manifest: Manifest, ticket: DefaultTicket) -> str:
    source = manifest.reference
    place = {"level": ticket.level, "trial": ticket.trial}
    if source is not None:
        shown = one_line(source.source)
        return _REFERENCE_SNIPPET.format(source=shown, sha256=source.sha256, **place)
    some = _SIGNS_SNIPPET if manifest.theta0 == "signs" else _SURVIVORS_SNIPPET
    text = _DENSE_SNIPPET if manifest.theta0 == "dense" else some
    return text.format(densest=manifest.theta0_level, **place)
