"""Perfect hash and frozen dictionaries: bits, ns and seconds from ten thousand to ten million keys, the Rust crate ptr_hash
over the same keys, the live interner, opening from a cold and a warm file."""
import json
import os
import shutil
import subprocess

import harness
from harness import HERE, Row

CURVE = (10_000, 100_000, 1_000_000, 10_000_000)


def tool(context, wanted):
    """The figures of ids_bench by name; it checks every answer itself. Of three repetitions the fastest."""
    command = [harness.BIN.parent / "ids_bench", f"--benchmark_filter={wanted}", "--benchmark_format=json",
               "--benchmark_repetitions=3", "--benchmark_min_time=0.05"]
    environment = {**os.environ, "PALATE_BENCH_DIRECTORY": str(context.work)}
    out = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, env=environment).stdout)
    runs = {}
    for run in out["benchmarks"]:
        if run["run_type"] == "iteration":
            name = run["run_name"].removesuffix("/real_time")
            runs[name] = min(runs.get(name, run), run, key=lambda one: one["real_time"])
    return runs


def peer(context, keys):
    """ptr_hash with its parameters for small space; None where there is no cargo, and in a quick run, which builds nothing."""
    if context.quick or shutil.which("cargo") is None:
        return None
    folder = context.work / "ids_peer"
    subprocess.run(["cargo", "build", "--release", "--quiet", "--manifest-path", HERE / "ids" / "Cargo.toml",
                    "--target-dir", folder], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "RUSTFLAGS": "-C target-cpu=native"})
    environment = {**os.environ, "RAYON_NUM_THREADS": "2"}
    out = subprocess.run([folder / "release" / "ids_peer", str(keys)], check=True, capture_output=True, text=True, env=environment)
    return json.loads(out.stdout.splitlines()[-1])


def curve(runs, name, counter, sizes, unit, scale=1.0):
    return ", ".join(f"{size:,}: {runs[name.format(size)][counter] * scale:.3g} {unit}" for size in sizes)


def hash_rows(context, keys, sizes):
    runs = tool(context, f"BM_(Build|FindOneByOne|FindStreamed)/({'|'.join(map(str, sizes))})/")
    theirs = peer(context, keys) or {}
    best = f"{keys:,} random 64-bit keys"

    def row(name, run, counter, unit, scale, bar, their):
        at = f"BM_{run}/{{}}/2"
        return Row(f"perfect hash, {name}, {best}", runs[at.format(keys)][counter] * scale, unit,
                   curve(runs, at, counter, sizes, unit, scale), peer="ptr_hash (Rust), compact", peer_value=theirs.get(their),
                   lower_is_better=True, bar=bar if keys == CURVE[-1] else None)

    return [
        row("space", "Build", "BitsPerKey", "bits a key", 1, 2.2, "bits"),
        row("build on two threads", "Build", "real_time", "s", 1e-3, 2.5, "build_s"),
        row("one by one", "FindOneByOne", "NsPerKey", "ns a key", 1, 15, "one_ns"),
        row("streamed", "FindStreamed", "NsPerKey", "ns a key", 1, 6, "streamed_ns"),
    ]


def dictionary_rows(context, keys, sizes):
    runs = tool(context, f"BM_(Write|StringOneByOne|StringStreamed|Name|Interner)/({'|'.join(map(str, sizes))})(/real_time)?$")
    best = f"{keys:,} strings of 16 bytes"

    def ns(name, bar=None):
        at = f"BM_{name}/{{}}"
        return dict(value=runs[at.format(keys)]["NsPerKey"], unit="ns a key", lower_is_better=True, bar=bar,
                    note=curve(runs, at, "NsPerKey", sizes, "ns"))

    written, interner = runs[f"BM_Write/{keys}"], runs[f"BM_Interner/{keys}"]
    parts = ", ".join(f"{part} {written[part]:.2f}" for part in ("Hash", "Order", "Verification", "WayBack"))
    live = dict(peer="live interner", peer_value=interner["NsPerKey"])
    return [
        Row(f"dictionary, all that it holds, {best}", written["Total"], "bytes a key", parts, "live interner", interner["Total"],
            lower_is_better=True),
        Row(f"dictionary, writing on two threads, {best}", written["real_time"] / 1e3, "s",
            curve(runs, "BM_Write/{}", "real_time", sizes, "s", 1e-3), lower_is_better=True),
        Row(f"dictionary, one by one, verified, {best}", **ns("StringOneByOne"), **live),
        Row(f"dictionary, streamed, verified, {best}", **ns("StringStreamed", 40 if keys == CURVE[-1] else None), **live),
        Row(f"dictionary, way back, {best}", **ns("Name", 1000)),
    ]


def open_rows(context, keys):
    runs = tool(context, f"BM_Open/{keys}/")
    return [Row(f"dictionary of {keys:,} keys, open and first answer, {what} file", runs[f"BM_Open/{keys}/{cold}"]["real_time"], "ms",
                "reads the head, the foot and the parts of the perfect hash; checksums of the rest on request", lower_is_better=True)
            for cold, what in ((0, "warm"), (1, "cold"))]


def measure(context):
    sizes = CURVE[:3] if context.quick else CURVE
    keys = sizes[-1]
    # In a quick run of a size that the caches hold: how much of a million strings they hold depends on the machine's neighbours.
    strings = sizes[:2] if context.quick else sizes
    rows = hash_rows(context, keys, sizes) + dictionary_rows(context, strings[-1], strings)
    return rows + open_rows(context, keys if context.quick else 100_000_000)
