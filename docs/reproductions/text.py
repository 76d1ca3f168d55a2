"""What text.sh needs beside commands: the data, one vocabulary, and masked-word training.

    python text.py data FOLDER        lay the sets out in this folder, and make tokenizer.json
    python text.py pretrain STEPS     train the encoder on masked words: model/model.safetensors
    python text.py push REPOSITORY    put both on the hub of HF_ENDPOINT, and print the commit

Whatever is there already is kept. See text.md for what it is for.
"""

from __future__ import annotations

import gzip
import re
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from ticket_hub import own
from ticket_hub.data import load
from ticket_hub.networks import architecture_for, build
from ticket_hub.recipe import DataSpec, NetworkSpec

NETWORK, LENGTH, WORDS = "encoder-2-128", 24, 8000
BATCH, RATE, WARMUP = 32, 1e-3, 100
ASKED, HIDDEN, KEPT = 0.15, 0.8, 0.1
UNKNOWN, MASK = "[UNK]", "[MASK]"
MASK_NUMBER = 2  # tokens are numbered from 1 on; 0 stands after the end of a sentence
TOKENIZER = Path("tokenizer.json")
MODEL = Path("model")
WEIGHTS = MODEL / "model.safetensors"
FILES = {  # where it is published under, and where it is laid out
    "sst2-train.tsv": "sst2/train.tsv",
    "sst2-dev.tsv": "sst2/dev.tsv",
    "sst2-test.tsv": "sst2/test.tsv",
    "trec-train.tsv": "trec/train.tsv",
    "trec-test.tsv": "trec/test.tsv",
    "mr.tsv": "mr.tsv",
}


def lines_of(path: Path) -> list[str]:
    """The lines of a file, or of the same file compressed."""
    packed = path.with_name(f"{path.name}.gz")
    data = gzip.decompress(packed.read_bytes()) if packed.is_file() else path.read_bytes()
    return [line for line in data.decode("utf-8").split("\n") if line.strip()]


def letters(line: str) -> str:
    """What is left of a sentence when it is spaced and accented otherwise."""
    return re.sub(r"[^a-z]", "", line.partition("\t")[2].lower())


def lay_out(source: Path) -> None:
    """Put each set where text.sh reads it.

    SST-2 was drawn from the movie reviews: the sentences of its dev and test part are left out of
    them, so that no ticket has seen what it is measured on.
    """
    sets = {name: lines_of(source / name) for name in FILES}
    held = {letters(line) for name in ("sst2-dev.tsv", "sst2-test.tsv") for line in sets[name]}
    reviews = [line for line in sets["mr.tsv"] if letters(line) not in held]
    print(f"movie reviews: {len(reviews)} of {len(sets['mr.tsv'])} are in no dev or test part")
    sets["mr.tsv"] = reviews
    for name, place in FILES.items():
        path = Path(place)
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in sets[name]), "utf-8")


def make_tokenizer() -> None:
    """Number the most frequent words of what is trained on, in the form of a tokenizer."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.trainers import WordLevelTrainer

    tokenizer = Tokenizer(WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    trained_on = ("sst2/train.tsv", "trec/train.tsv", "mr.tsv")
    texts = [line.partition("\t")[2] for name in trained_on for line in lines_of(Path(name))]
    special = [UNKNOWN, MASK]
    trainer = WordLevelTrainer(vocab_size=WORDS, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(TOKENIZER))


class MaskedWords(nn.Module):
    """The encoder, and which word stood where: by the embedding of the words, as in BERT."""

    def __init__(self) -> None:
        super().__init__()
        spec = NetworkSpec(name=NETWORK)
        words = 1 + WORDS
        self.encoder = build(architecture_for(spec, (words, 1, LENGTH), classes=2))
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, numbers: Tensor, asked: Tensor) -> Tensor:
        """Int64 and bool `(batch, length)` -> logits `(asked for, words)`."""
        encoder = self.encoder
        values = encoder.words(numbers) + encoder.places.weight
        for layer in encoder.layers:
            values = layer(values, (numbers != 0)[:, None, None, :])
        return functional.linear(encoder.norm(values[asked]), encoder.words.weight, self.bias)


def masked(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """What the network sees, and which places it is asked for: 80% masked, 10% another word."""
    asked = (torch.rand(numbers.shape) < ASKED) & (numbers != 0)
    chance = torch.rand(numbers.shape)
    seen = torch.where(asked & (chance < HIDDEN), MASK_NUMBER, numbers)
    other = torch.randint(1 + MASK_NUMBER, 1 + WORDS, numbers.shape)
    return torch.where(asked & (chance >= 1 - KEPT), other, seen), asked


def sentences(name: str) -> tuple[Tensor, Tensor]:
    """Training and validation part of a set, as the commands draw and number them."""
    spec = DataSpec(name=f"text:{name}", size=LENGTH, validation=500, tokenizer=f"file:{TOKENIZER}")
    data = load(spec)
    return data.train.inputs.flatten(1), data.validation.inputs.flatten(1)


def pretrain(steps: int) -> None:
    """Train the dense network of a search that goes no further; nothing of it reads a test part."""
    parts = [sentences(name) for name in ("sst2", "trec", "mr.tsv")]
    training, held = (torch.cat(part) for part in zip(*parts, strict=True))
    settings = {"steps": steps, "batch": BATCH, "lr": RATE, "warmup": WARMUP, "asked": ASKED}
    search = own.Search(
        MaskedWords,
        levels=0,
        trials=1,
        folder="masked-words",
        metric=own.Metric("perplexity", margin=1.0, lower_is_better=True, unit="per masked word"),
        data="SST-2, TREC, movie reviews: training parts",
        settings=settings,
    )
    for step in search:
        optimizer = torch.optim.AdamW(step.module.parameters(), lr=RATE, weight_decay=0.01)
        for at in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min((at + 1) / WARMUP, 1 - at / steps)
            numbers = training[torch.randint(len(training), (BATCH,))]
            seen, asked = masked(numbers)
            loss = functional.cross_entropy(step.module(seen, asked), numbers[asked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if at % 100 == 0:
                print(f"masked words: step {at} of {steps}, loss {loss.item():.3f}", flush=True)
        with torch.no_grad():
            seen, asked = masked(held)
            loss = functional.cross_entropy(step.module(seen, asked), held[asked])
        print(f"masked words: perplexity {loss.exp():.1f} on {len(held)} held out sentences")
        MODEL.mkdir(exist_ok=True)
        weights = step.module.encoder.state_dict()
        save_file({name: value.contiguous() for name, value in weights.items()}, WEIGHTS)
        step.finish(perplexity=float(loss.exp()))


def push(repository: str) -> None:
    """Put weights and tokenizer on the hub; the same files again are the same commit."""
    from huggingface_hub import HfApi

    api = HfApi()
    name = f"{api.whoami()['name']}/{repository}"
    api.create_repo(name, exist_ok=True)
    shutil.copy(TOKENIZER, MODEL)
    done = api.upload_folder(repo_id=name, folder_path=MODEL, commit_message="Masked words")
    print(f"{name}@{done.oid}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, value = sys.argv[1:]
    if what == "data":
        if not TOKENIZER.is_file():
            lay_out(Path(value))
            make_tokenizer()
    elif what == "pretrain":
        pretrain(int(value))
    else:
        push(value)
