"""Examples a second of training DCNv2 (26 fields of 16 columns, three crosses of rank 64, an MLP of 512 and 256 beside them), beside the
same network in PyTorch, on two threads, turn by turn. Prints Markdown.

    PYTHON bench/ranker/beside_pytorch.py [--rows 200000] [--vocabulary 100000] [--turns 3]

PYTHON has torch and numpy. The programs are those of PALATE_BUILD, else of build/dev. The peer has its examples in memory as tensors,
embeddings in one table with sparse gradients and SparseAdam, a fused Adam for the rest, and its dense
part compiled where torch.compile works and helps; both warm up for an epoch.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("PALATE_BUILD", ROOT / "build" / "dev")) / "bin"
FIELDS, WIDTH, CROSSES, RANK, HIDDEN, BATCH, THREADS = 26, 16, 3, 64, (512, 256), 4096, 2


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        width = FIELDS * WIDTH
        self.u = nn.ModuleList(nn.Linear(RANK, width) for _ in range(CROSSES))
        self.v = nn.ModuleList(nn.Linear(width, RANK, bias=False) for _ in range(CROSSES))
        layers, last = [], width
        for hidden in HIDDEN:
            layers += [nn.Linear(last, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.2)]
            last = hidden
        self.mlp, self.head = nn.Sequential(*layers), nn.Linear(width + last, 1)

    def forward(self, x0):
        x = x0
        for u, v in zip(self.u, self.v):
            x = torch.addcmul(x, x0, u(v(x)))
        return self.head(torch.cat([x, self.mlp(x0)], 1)).squeeze(1)


class Peer:
    """All fields in one table with offsets: one lookup."""

    def __init__(self, ids, clicks, vocabulary, compiled):
        torch.manual_seed(1)
        offsets = torch.arange(FIELDS) * (vocabulary + 1)
        self.ids, self.clicks = torch.from_numpy(ids).long() + offsets, torch.from_numpy(clicks)
        self.table = nn.Embedding(FIELDS * (vocabulary + 1), WIDTH, sparse=True)
        self.dense = Dense()
        self.call = torch.compile(self.dense) if compiled else self.dense
        self.of_dense = torch.optim.Adam(self.dense.parameters(), fused=True)
        self.of_table = torch.optim.SparseAdam(list(self.table.parameters()))

    def epoch(self):
        order = torch.randperm(len(self.clicks))
        begin = time.monotonic()
        for at in range(0, len(order), BATCH):
            rows = order[at:at + BATCH]
            value = self.call(self.table(self.ids[rows]).flatten(1))
            loss = nn.functional.binary_cross_entropy_with_logits(value, self.clicks[rows])
            self.of_dense.zero_grad(set_to_none=True)
            self.of_table.zero_grad(set_to_none=True)
            loss.backward()
            self.of_dense.step()
            self.of_table.step()
        return len(order) / (time.monotonic() - begin), float(loss)


def examples(folder, rows, vocabulary):
    """Ids as popular as Zipf's law says; a click depends on a few of them."""
    draw = np.random.default_rng(1)
    ids = np.minimum(draw.zipf(1.2, (rows, FIELDS)), vocabulary).astype(np.int64)
    clicks = (draw.random(rows) < 1 / (1 + np.exp(-((ids[:, 0] % 3 == ids[:, 1] % 3) * 2.0 - 1)))).astype(np.float32)
    shift = np.arange(FIELDS) * (vocabulary + 1)
    for name, begin, end in (("a.train", 0, rows), ("a.held", 0, min(rows, 2000))):
        with open(folder / f"{name}.libfm", "w") as out:
            for row in range(begin, end):
                out.write(f"{2 * int(clicks[row]) - 1} {' '.join(f'{one}:1' for one in ids[row] + shift)}\n")
    subprocess.run([BIN / "libfm_examples", folder, ",".join(f"f{i}" for i in range(FIELDS)), folder / "a.train.libfm", folder / "a.held.libfm"],
                   check=True, stdout=subprocess.DEVNULL)
    return ids, clicks


def ours(folder, epochs):
    command = [BIN / "palate-train", "fit", folder / "a.train", "--held-out", folder / "a.held", "--out", folder / f"net{time.monotonic_ns()}",
               "--training.epochs", epochs, "--training.patience", epochs, "--training.batch", BATCH, "--training.threads", THREADS,
               "--ranker.cross_layers", CROSSES, "--ranker.cross_rank", RANK, "--ranker.width", WIDTH]
    command += [part for hidden in HIDDEN for part in ("--ranker.hidden", hidden)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return [json.loads(line)["examples_per_s"] for line in done.stdout.splitlines()[:-1]][1:]  # the first warms up


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--vocabulary", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        ids, clicks = examples(folder, chosen.rows, chosen.vocabulary)
        peers = {"eager": Peer(ids, clicks, chosen.vocabulary, False)}
        try:
            peers["compiled"] = Peer(ids, clicks, chosen.vocabulary, True)
            peers["compiled"].epoch()
        except Exception as why:  # no compiler, or a version that cannot
            print(f"torch.compile does not work here: {why}", file=sys.stderr)
            peers.pop("compiled")
        peers["eager"].epoch()
        rates = {name: [] for name in ("palate", *peers)}
        for _ in range(chosen.turns):
            rates["palate"] += ours(folder, 3)
            for name, peer in peers.items():
                rates[name] += [peer.epoch()[0] for _ in range(2)]
        print("| training, examples/s on two threads | median | least to most | beside |\n|---|--:|--:|--:|")
        palate = statistics.median(rates["palate"])
        for name, values in rates.items():
            middle = statistics.median(values)
            print(f"| {name} | {middle:,.0f} | {min(values):,.0f} to {max(values):,.0f} | {palate / middle:.2f} |")


if __name__ == "__main__":
    main()
