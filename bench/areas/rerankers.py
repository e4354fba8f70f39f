"""What re-rankers buy and cost, and how soon people have seen what is new, on simulated worlds whose truth is known. The page and
its drawing, rerankers.md and rerankers.svg, are written beside the table (bench/rerankers_page.py)."""
import json
import subprocess

import numpy

import harness
import rerankers_page
from harness import Row, Wrong

SEED = 1  # of the worlds, of training, of what re-rankers draw (bench/rerankers/served_world.cc), and of resampling
RESAMPLES = 1000

# The pipeline `feed` without its re-rankers, in a world where not everything may be shown everywhere.
SOURCES = ["region", "personal quota=300", "similar quota=100 recent=10", "popular quota=50"]
FEED = [*SOURCES, "new quota=20 weight=0.5",
        "formula score='unit(personal) + 0.3 * unit(retrieval) + 0.1 * unit(log1p(popularity))'"]
STRENGTHS = ("0.05", "0.1", "0.2", "0.4", "0.6", "0.8")
CURVES = {
    "mmr": [(strength, f"mmr strength={strength}") for strength in STRENGTHS],
    "dpp": [(strength, f"dpp strength={strength}") for strength in STRENGTHS],
    "spread": [(f"distance {d}", f"spread by=category distance={d}") for d in (2, 3, 4, 6, 10)],
    "calibrate": [(strength, f"calibrate strength={strength}") for strength in STRENGTHS],
    "exposure": [(f"min {share}", f"exposure where='{{seldom}}' min={share}") for share in (0.1, 0.2, 0.3, 0.4, 0.6)],
    "newcomers": [(f"every {n}", f"newcomers first={n} every={n}") for n in (20, 10, 5, 3, 2)],
    "explore": [(f"temperature {t}", f"explore temperature={t} to=20") for t in (0.01, 0.03, 0.1, 0.3, 1)],
}

NEW = "new quota=50 weight=0.1"
LOOPS = {
    "plain": ["region"],
    "sources, nothing for what is new": SOURCES,
    "new, weight 0.5": [*SOURCES, "new quota=20 weight=0.5"],
    "new, weight 1": [*SOURCES, "new quota=20 weight=1"],
    "new, weight 2": [*SOURCES, "new quota=20 weight=2"],
    "newcomers, thompson": [*SOURCES, NEW, "newcomers first=5 every=10 by=thompson"],
    "newcomers, thompson, until shown 400 times": [*SOURCES, NEW, "newcomers first=5 every=10 by=thompson shown_max=400"],
    "newcomers, thompson, every third place, until shown 400 times":
        [*SOURCES, NEW, "newcomers first=3 every=3 by=thompson shown_max=400"],
    "newcomers, ucb": [*SOURCES, NEW, "newcomers first=5 every=10 by=ucb"],
    "newcomers, ucb, until shown 400 times": [*SOURCES, NEW, "newcomers first=5 every=10 by=ucb shown_max=400"],
}
BASE_LOOP = "sources, nothing for what is new"
QUICK_LOOPS = ("plain", BASE_LOOP, "new, weight 2", "newcomers, thompson")


def tool(name, arguments, lines):
    done = subprocess.run([harness.BIN.parent / name, *map(str, arguments)], input="\n".join(lines), capture_output=True, text=True)
    if done.returncode != 0:
        raise Wrong(f"{name} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def flags(**world):
    return [f"--simulate.{key}={value}" for key, value in {"seed": SEED, **world}.items()]


class Resampling:
    """The same draws of users for all that is compared."""

    def __init__(self, count):
        self.draws = numpy.random.default_rng(SEED).integers(0, count, (RESAMPLES, count))

    def interval(self, statistic):
        """`statistic` of everybody (indices) with its 95 % interval."""
        values = [statistic(draw) for draw in self.draws]
        low, high = numpy.percentile(values, [2.5, 97.5])
        return rerankers_page.Figure(float(statistic(numpy.arange(self.draws.shape[1]))), float(low), float(high))


def compared(names, line, base, resampling):
    """Of each measure what it is, and how it differs from no re-ranker: as a share of it for what is true or scored, else as it is."""
    mine, theirs = numpy.array(line["people"]), numpy.array(base["people"])
    out = {}
    for column, name in enumerate(names):
        x, y = mine[:, column], theirs[:, column]
        relative = name in rerankers_page.RELATIVE
        change = resampling.interval(lambda i: 100 * (x[i].mean() / y[i].mean() - 1) if relative else x[i].mean() - y[i].mean())
        out[name] = rerankers_page.Measured(float(x.mean()), change)
    out["items"] = len({item for items in line["items"] for item in items})
    return out


def curves(context):
    people, world = (60, {"users": 600, "items": 400, "days": 14}) if context.quick else (500, {"users": 5000, "items": 2000, "days": 30})
    stages = [stage for points in CURVES.values() for _, stage in points]
    names, base, *lines = tool("reranker_curves", [people, *flags(**world)], [*FEED, "", "-", *stages])
    resampling = Resampling(len(base["people"]))
    by_stage = {line["stage"]: compared(names, line, base, resampling) for line in lines}
    found = {kind: [(strength, by_stage[stage]) for strength, stage in points] for kind, points in CURVES.items()}
    return rerankers_page.Curves(world, len(base["people"]), FEED, compared(names, base, base, resampling), found)


def waits(ended, fair):
    """Days from release until so many fair impressions, and whether that was before the world ended."""
    place = rerankers_page.FAIR.index(fair)
    reached = [item["reached"][place] for item in ended["items"]]
    days = numpy.array([(at[0] if at else ended["days"]) - item["released"] for at, item in zip(reached, ended["items"])])
    return days, numpy.array([at is not None for at in reached])


def loops(context):
    own, world = (6, {"users": 600, "items": 400, "days": 12}) if context.quick else (10, {"users": 5000, "items": 1000, "days": 30})
    world |= {"launch_share": 0.1, "random_share": 0}
    ended = {name: tool("first_impressions", [own, *flags(**world)], stages)[0]
             for name, stages in LOOPS.items() if not context.quick or name in QUICK_LOOPS}
    users = {name: numpy.array(one["users"]) for name, one in ended.items()}
    of_users = Resampling(world["users"])
    found = {}
    for name, one in ended.items():
        x, y = users[name], users[BASE_LOOP]

        def change(i, column):
            return 100 * (x[i, column].sum() / x[i, 0].sum() / (y[i, column].sum() / y[i, 0].sum()) - 1)

        found[name] = rerankers_page.Waited(
            {fair: rerankers_page.KaplanMeier(*waits(one, fair)) for fair in rerankers_page.FAIR},
            {fair: sorted(item["reached"][place][1] for item in one["items"] if item["reached"][place])
             for place, fair in enumerate(rerankers_page.FAIR)},
            of_users.interval(lambda i: change(i, 1)), of_users.interval(lambda i: change(i, 2)),
            one["requests"], one["left"] / one["joined"])
    return rerankers_page.Loops(world, own, len(ended[BASE_LOOP]["items"]), LOOPS, BASE_LOOP, found)


def measure(context):
    measured, looped = curves(context), loops(context)
    if not context.quick:
        rerankers_page.write(measured, looped, context.drawings)
    rows = []
    for kind, points in measured.by_kind.items():
        strength, at = rerankers_page.default_of(kind, points)
        content, aim = at["content"].change, rerankers_page.AIMS[kind]
        rows.append(Row(f"{kind}, {strength}: change of content", content.value, "%",
                        f"{content.low:.1f} to {content.high:.1f}; {rerankers_page.SAID[aim]} {measured.base[aim].value:.3g} → {at[aim].value:.3g}"))
    for name, one in looped.by_pipeline.items():
        rows.append(Row(f"10 fair impressions within 3 days of release: {name}", 100 * one.seen[10].share_by(3), "% of items",
                        f"content on pages {one.content.value:+.1f} % ({one.content.low:+.1f} to {one.content.high:+.1f})"))
    return rows
