"""Exact search in fp32, bf16 and 8 bits beside Faiss Flat and the machine's own limits, curves to ten million vectors; lists in bulk."""
import json
import subprocess
import time

import harness
import numpy as np
from harness import Row, Wrong, palate

K, QUERIES = 10, 512
THREADS = 2  # of batch recommendation; all else here is one thread
BATCHES = (1, 32, 256)
TURNS_S = 0.5  # of search_bench.cc: calls for so long, the fastest one counts


def tool(*arguments):
    """One thread, one answer; the tool itself checks that every way gives the ids and bits of fp32."""
    command = [harness.BIN.parent / "search_bench", *arguments]
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout)


def vectors(context, count, dim, unit=False):
    """Drawn from a normal distribution; `unit`: of length 1, so that lengths tell nothing and nothing can be skipped."""
    random = np.random.default_rng(4)
    arrays = []
    for name, rows in (("items", count), ("queries", QUERIES)):
        array = random.standard_normal((rows, dim), np.float32)
        if unit:
            array /= np.linalg.norm(array, axis=1, keepdims=True)
        array.tofile(context.work / f"{name}.f32")
        arrays.append(array)
    return arrays


def by_faiss(items, queries, distance=False):
    """Queries a second by batch, of one thread, and the ids of all queries. The best of as many turns as search_bench takes."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = (faiss.IndexFlatL2 if distance else faiss.IndexFlatIP)(items.shape[1])
    index.add(items)
    rates = {}
    for batch in BATCHES:
        seconds = []
        while len(seconds) < 3 or sum(seconds) < TURNS_S:
            start = time.monotonic()
            index.search(queries[len(seconds) * batch % (QUERIES - batch + 1):][:batch], K)
            seconds.append(time.monotonic() - start)
        rates[batch] = batch / min(seconds)
    return rates, index.search(queries, K)[1]


def check(context, items, queries, name, faiss_ids):
    """Lists may differ from Faiss's only where two scores are so near that one sum of floats cannot tell them apart."""
    ours = np.fromfile(context.work / f"{name}.u32", np.uint32).reshape(faiss_ids.shape)
    row, place = np.nonzero(ours != faiss_ids)
    if len(row) > 1e-2 * ours.size:
        raise Wrong(f"{len(row)} of {ours.size} places differ from Faiss")

    def score(ids):
        a, b = queries[row].astype(np.float64), items[ids].astype(np.float64)
        return (a * b).sum(1) if name == "product" else -((a - b) ** 2).sum(1)

    if len(row) and np.abs(score(ours[row, place]) - score(faiss_ids[row, place])).max() > 1e-3:
        raise Wrong("lists differ from Faiss in items whose scores are far apart")


def limit(row, report):
    if row["batch"] == 1:
        return f"{row['gbs'] / report['read_gbs']:.0%} of {report['read_gbs']:.1f} GB/s"
    products = {"fp32": 1, "bf16": 2, "int8": 4}[row["way"][:4]]  # an instruction does so many times those of fp32
    return f"{row['gops'] / report['fp32_gflops'] / products:.0%} of {report['fp32_gflops'] * products:.0f} Gop/s"


def bar_of(row, report, items):
    """What the project promises of one million items: nine tenths of the memory's rate for one query; rates of batches at 64 dimensions."""
    if len(items) != 1_000_000:
        return None
    if (row["way"], row["batch"]) == ("fp32", 1):
        return 0.9 * report["read_gbs"] * 1e9 / items.nbytes
    promised = {("fp32", 32): 550, ("fp32", 256): 550, ("int8", 32): 1600, ("int8", 256): 1600}.get((row["way"], row["batch"]))
    return promised and promised * 64 / items.shape[1]


def machine_rows(context, count, dim, unit=False):
    items, queries = vectors(context, count, dim, unit)
    report = tool(context.work, dim, K)
    peers = {}
    for name in ("product", "distance"):
        rates, ids = by_faiss(items, queries, name == "distance")
        check(context, items, queries, name, ids)
        peers[name] = rates
    shape = f"{count:,} x {dim}{', length 1' if unit else ''}"
    for row in report["rows"]:
        note = f"{row['rescored']:.0f} scored again" if "int8" in row["way"] else ""
        if row["in_fp32"] and "int8" in row["way"]:
            note += f", {row['in_fp32']:.0%} left to fp32"
        filtered = "filter" in row["way"]
        if filtered and row["batch"] == 32:
            continue
        peer = None if filtered else peers["distance" if "distance" in row["way"] else "product"][row["batch"]]
        yield Row(f"{shape}, {row['way']}, batch {row['batch']}", row["queries_s"], "queries/s", note, "Faiss Flat" if peer else "", peer,
                  "" if filtered else limit(row, report), bar=bar_of(row, report, items))


def curve_rows(context, counts):
    """What a query costs as the set grows; the index is built by one thread."""
    for count in counts:
        vectors(context, count, 64)
        for batch in (1, 256):
            report = tool(context.work, 64, K, batch)
            by_way = {row["way"]: row for row in report["rows"]}
            yield Row(f"{count:,} x 64, int8, batch {batch}", by_way["int8"]["queries_s"], "queries/s",
                      f"fp32 {by_way['fp32']['queries_s']:,.0f}, bf16 {by_way['bf16']['queries_s']:,.0f}, distance {by_way['int8 distance']['queries_s']:,.0f}; "
                      f"index in {report['build_s']:.2f} s, {by_way['int8']['bytes_item']:.0f} bytes an item beside the vectors",
                      limit=limit(by_way["int8"], report))


def open_rows(context, count):
    """The vectors of the curve's last point as an artefact."""
    for row in tool("open", context.work, 64)["rows"]:
        state = "a cold file" if row["cold"] else "a warm file"
        checked = ", every checksum read" if row["verify"] else ""
        note = f"+ {row['index_s']:.1f} s until the 8-bit index is made from it" if row["index_s"] else ""
        yield Row(f"open {count:,} x 64 from {state}{checked}", 1e3 * row["open_s"], "ms", note, lower_is_better=True)


def bulk_rows(context, shape, k, bar):
    """`palate recommend --users`: users' states read, vectors solved, lists ranked, filtered and written; implicit gets vectors for nothing."""
    import polars
    import scipy.sparse
    import threadpoolctl
    from implicit.cpu.als import AlternatingLeastSquares

    csv = context.csv(shape)
    data = context.work / f"bulk-{shape}"
    palate("import", csv, "--data", data)
    palate("train", "--data", data, "--als.iterations", "1")
    ratings = polars.read_csv(csv)
    users = ratings["user_id"].unique(maintain_order=True)
    ids = context.work / "users.txt"
    ids.write_text("\n".join(map(str, users)))
    lists = context.work / "lists.jsonl"
    command = ("recommend", "--users", ids, "-n", k, "--out", lists, "--threads", THREADS, "--data", data)
    done = min((palate(*command).answer for _ in range(2)), key=lambda answer: answer["seconds"])
    written = [json.loads(line) for line in lists.read_text().splitlines()]
    if [line["user"] for line in written] != list(map(str, users)) or any(len(line["items"]) != k for line in written):
        raise Wrong("not a list of each user")
    user, item = ratings["user_id"].to_numpy(), ratings["item_id"].to_numpy()
    matrix = scipy.sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)))
    random = np.random.default_rng(4)
    model = AlternatingLeastSquares(factors=64, num_threads=THREADS)
    model.user_factors, model.item_factors = (random.standard_normal((count, 64), np.float32) for count in matrix.shape)
    part = np.arange(1, min(8192, len(users)))
    peer = 0
    for _ in range(2):
        start = time.monotonic()
        with threadpoolctl.threadpool_limits(1, "blas"):  # as implicit asks for: its own threads are enough
            model.recommend(part, matrix[part], N=k, filter_already_liked_items=True)
        peer = max(peer, len(part) / (time.monotonic() - start))
    yield Row(f"top-{k} of {matrix.shape[1] - 1:,} items for {done['users']:,} users by name into a file, {THREADS} threads", done["users"] / done["seconds"],
              "users/s", f"{done['personalized']:,} personal; implicit's are numbers of items in memory", "implicit recommend", peer, bar=bar * peer if bar else None)


def measure(context):
    if context.quick:
        return [
            *machine_rows(context, 100_000, 64), *curve_rows(context, [10_000]), *open_rows(context, 10_000),
            *bulk_rows(context, "small", 10, None),
        ]
    counts = [10_000, 100_000, 1_000_000, 10_000_000]
    return [
        *bulk_rows(context, "52643x91599x2984108", 100, bar=5),
        *bulk_rows(context, "goodbooks", 100, bar=3),
        *machine_rows(context, 1_000_000, 64),
        *machine_rows(context, 1_000_000, 64, unit=True),
        *machine_rows(context, 1_000_000, 128),
        *curve_rows(context, counts),
        *open_rows(context, counts[-1]),
    ]
