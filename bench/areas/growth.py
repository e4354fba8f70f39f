"""How time grows with size: rows, users, items, factors, connections. Slopes are those of a line through the points on
doubly logarithmic paper: 1 is proportional. Drawn into growth.svg beside the table."""
import dataclasses
import math

from harness import Row, Server, palate, wrk


@dataclasses.dataclass
class Curve:
    """What was measured over one size, and why it should look so."""

    over: str
    what: str
    unit: str
    why: str
    points: list = dataclasses.field(default_factory=list)  # (size, figure)

    @property
    def slope(self):
        logs = [(math.log(size), math.log(figure)) for size, figure in self.points]
        mean_x, mean_y = (sum(axis) / len(logs) for axis in zip(*logs))
        return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def trained(context, users, items, rows, factors=64):
    """A data directory of that size with what importing and training it took; the server's memory comes from it too."""
    data = context.work / f"growth-{users}-{items}-{rows}"
    imported = None
    if not data.exists():
        imported = palate("import", context.csv(f"{users}x{items}x{rows}"), "--data", data)
    done = palate("train", "--data", data, "--als.factors", factors).answer
    als = next(model["seconds"] for model in done["models"] if model["kind"] == "als")
    return data, imported, done["dataset_seconds"], als


def over_rows(context):
    sizes = (50_000, 100_000, 200_000) if context.quick else (500_000, 1_000_000, 2_000_000, 4_000_000)
    imports = Curve("rows", "import", "s", "each row is parsed, hashed, logged and folded once")
    datasets = Curve("rows", "dataset", "s", "one pass over the log, a sort by user")
    training = Curve("rows", "als, 15 epochs", "s", "rows times factors, plus (users + items) times factors²")
    for rows in sizes:
        _, imported, dataset_s, als_s = trained(context, rows // 100, 10_000, rows)
        for curve, seconds in (imports, imported.wall_s), (datasets, dataset_s), (training, als_s):
            curve.points.append((rows, seconds))
    return [imports, datasets, training]


def over_users(context):
    memory = Curve("users", "memory of the server", "MiB", "users who have asked, up to data.users_mib, beside the catalogue and caches")
    training = Curve("users", "als, 15 epochs, 2 M rows", "s", "each user costs factors² twice, his rows are counted above")
    for users in (10_000, 20_000, 40_000, 80_000):
        data, _, _, als_s = trained(context, users, 10_000, 2_000_000)
        training.points.append((users, als_s))
        with Server(data) as server:
            wrk(server.url, f'"/v1/recommendations?n=10&user=" .. (n * 7919 % {users} + 1)', 2)
            memory.points.append((users, server.resident_mib()))
    return [training, memory]


def over_items(context):
    cost = Curve("items", "CPU of a personal top-10", "µs", "the scan of all items; below 1,000 the rest of a request")
    memory = Curve("items", "memory of the server", "MiB", "vectors in 32 and in 8 bits, names, counters")
    for items in (1_000, 4_000, 16_000, 64_000):
        data, *_ = trained(context, 20_000, items, 1_000_000)
        with Server(data) as server:
            rate, _ = wrk(server.url, '"/v1/recommendations?n=10&user=" .. (n * 7919 % 20000 + 1)', 3)
            cost.points.append((items, 2e6 / rate))  # two cores, wrk's share included
            memory.points.append((items, server.resident_mib()))
    return [cost, memory]


def over_factors(context):
    training = Curve("factors", "als, 15 epochs, 1 M rows", "s", "rows × factors and (users + items) × factors²: between 1 and 2")
    for factors in (16, 32, 64, 128, 256):
        training.points.append((factors, trained(context, 20_000, 10_000, 1_000_000, factors)[3]))
    return [training]


def over_connections(context):
    rate = Curve("connections", "requests a second", "requests/s", "two cores are full from a few connections on")
    p99 = Curve("connections", "p99 under full load", "ms", "who waits in line waits for all before him: connections / rate")
    data, *_ = trained(context, 20_000, 10_000, 1_000_000)
    with Server(data) as server:
        for connections in (1, 4, 16, 64, 256, 1000):
            got, slow = wrk(server.url, '"/v1/recommendations?n=10&user=" .. (n * 7919 % 20000 + 1)', 3, connections)
            rate.points.append((connections, got))
            p99.points.append((connections, slow))
    return [rate, p99]


def draw(curves, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "palate"  # the same figures give the same file
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    from matplotlib import pyplot

    columns = 3
    figure, axes = pyplot.subplots(math.ceil(len(curves) / columns), columns, figsize=(12, 3.2 * math.ceil(len(curves) / columns)))
    for axis, curve in zip(axes.flat, curves):
        axis.loglog(*zip(*curve.points), "o-")
        axis.set_title(f"{curve.what}: slope {curve.slope:.2f}", fontsize=10)
        axis.set_xlabel(curve.over)
        axis.set_ylabel(curve.unit)
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(curves):]:
        axis.remove()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text().splitlines()))


def measure(context):
    parts = (over_rows,) if context.quick else (over_rows, over_users, over_items, over_factors, over_connections)
    curves = [curve for part in parts for curve in part(context)]
    if not context.quick:
        draw(curves, context.drawings / "growth.svg")
    return [
        Row(f"{curve.what} over {curve.over}", curve.slope, "(slope)",
            ", ".join(f"{size:,}: {figure:.3g} {curve.unit}" for size, figure in curve.points) + f". {curve.why}")
        for curve in curves
    ]
