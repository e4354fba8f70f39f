"""docs/rerankers.md and its drawing, out of what bench/areas/rerankers.py measured."""
import dataclasses
import math

import numpy

FAIR = (1, 10, 100)
RELATIVE = ("attraction", "content", "found", "own score")
DEFAULTS = {"mmr": "0.2", "dpp": "0.2", "spread": "distance 3", "calibrate": "0.2", "exposure": "min 0.2", "newcomers": "every 10",
            "explore": "temperature 0.1"}
# What each re-ranker is for, and whether more of it is better.
AIMS = {"mmr": "tastes", "dpp": "tastes", "spread": "categories", "calibrate": "off liked", "exposure": "seldom", "newcomers": "new",
        "explore": "novelty"}
SAID = {"tastes": "distance of tastes", "categories": "distance of categories", "off liked": "divergence from what was liked",
        "off true": "divergence from true tastes", "seldom": "attention for the creators shown least", "new": "attention for what is new",
        "novelty": "surprise"}


@dataclasses.dataclass
class Figure:
    """With its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def beyond_chance(self):
        return self.low > 0 or self.high < 0

    def __str__(self):
        return f"{self.value:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


@dataclasses.dataclass
class Measured:
    value: float
    change: Figure  # from no re-ranker


@dataclasses.dataclass
class Curves:
    world: dict
    people: int
    stages: list
    base: dict
    by_kind: dict  # of lists of (strength, {measure: Measured})


class KaplanMeier:
    """The share of items that got there by so many days after release, where the world's end cut some short (Kaplan and Meier, JASA
    1958)."""

    def __init__(self, days, reached):
        self.days, self.shares, waiting = [0.0], [0.0], 1.0
        for day in numpy.unique(days[reached]):
            waiting *= 1 - (reached & (days == day)).sum() / (days >= day).sum()
            self.days.append(float(day))
            self.shares.append(1 - waiting)

    def share_by(self, day):
        return self.shares[int(numpy.searchsorted(self.days, day, side="right")) - 1]

    def median(self):
        return next((day for day, share in zip(self.days, self.shares) if share >= 0.5), math.inf)


@dataclasses.dataclass
class Waited:
    seen: dict      # KaplanMeier by number of fair impressions
    requests: dict  # of everybody since the release, ascending, by the same, of the items that got there
    attraction: Figure
    content: Figure
    answered: int
    left: float  # of who joined


@dataclasses.dataclass
class Loops:
    world: dict
    own_days: int
    items: int
    stages: dict
    base: str
    by_pipeline: dict


def default_of(kind, points):
    return next((strength, at) for strength, at in points if strength == DEFAULTS[kind])


def cell(measured, digits=2):
    text = f"{measured.value:.{digits}f}"
    return f"**{text}**" if measured.change.beyond_chance else text


def curve_row(strength, at):
    true = " | ".join(str(at[name].change) for name in RELATIVE)
    new, seldom = (cell(Measured(100 * at[name].value, at[name].change), 1) for name in ("new", "seldom"))
    others = " | ".join(cell(at[name]) for name in ("categories", "tastes", "off liked", "off true"))
    return f"| {strength} | {true} | {others} | {new} | {seldom} | {cell(at['novelty'])} | {at['items']:,} |"


HEAD = """| | attraction, % | content, % | finds something, % | own score, % | categories | tastes | off liked | off true | new, % | seldom, % | surprise | items |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""


def base_row(base):
    first = " | ".join(f"{base[name].value:.3f}" for name in RELATIVE)
    others = " | ".join(f"{base[name].value:.2f}" for name in ("categories", "tastes", "off liked", "off true"))
    return (f"| none (as they are) | {first} | {others} | {100 * base['new'].value:.1f} | {100 * base['seldom'].value:.1f} | "
            f"{base['novelty'].value:.2f} | {base['items']:,} |")


# Why, where the figures alone do not say it.
WHY = {
    "exposure": "Every beginning of the list keeps to the share, so for any `min` above 0 the first place is the group's.",
    "explore": "What it is for has no column: propensities, without which no other policy can be judged from the log. This is their price.",
}


def better(aim, change):
    return change.high < 0 if aim.startswith("off") else change.low > 0


def verdict(kind, base, points):
    """In words, from the intervals alone."""
    aim = AIMS[kind]
    moved = [(strength, at) for strength, at in points if better(aim, at[aim].change)]
    free = [strength for strength, at in points if at["content"].change.high >= 0]
    gains = [strength for strength, at in points if at["found"].change.low > 0]
    losses = [strength for strength, at in points if at["found"].change.high < 0]
    said = []
    if moved:
        strength, at = moved[0]
        said.append(f"It moves what it is for ({SAID[aim]}) from {strength} on: {base[aim].value:.3g} → {at[aim].value:.3g}, "
                    f"with content {at['content'].change} %.")
    else:
        said.append(f"It does not move what it is measured by here ({SAID[aim]}) at any strength.")
    said.append(f"No cost in content beyond chance at {', '.join(free)}." if free else "It costs content at every strength.")
    if gains:
        said.append(f"Visits find something more often at {', '.join(gains)}.")
    else:
        worse = f", less often at {', '.join(losses)}" if losses else ""
        said.append(f"Visits find something no more often at any strength{worse}.")
    return " ".join([*said, *([WHY[kind]] if kind in WHY else [])])


def draw(curves, loops, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "palate"  # the same figures give the same file
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(13, 8))
    panels = [("tastes", "distance of tastes"), ("off true", "divergence from true tastes"), ("found", "a visit finds something, change in %"),
              ("new", "attention for what is new"), ("seldom", "attention for creators shown least")]
    for axis, (name, title) in zip(axes.flat, panels):
        for kind, points in curves.by_kind.items():
            y = [at[name].change.value if name in RELATIVE else at[name].value for _, at in points]
            start = 0 if name in RELATIVE else curves.base[name].value
            axis.plot([0, *(at["content"].change.value for _, at in points)], [start, *y], ".-", label=kind)
        axis.set_xlabel("content, change in %")
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    last = axes.flat[-1]
    for name, waited in loops.by_pipeline.items():
        seen = waited.seen[10]
        end = loops.world["days"] - loops.own_days
        last.step([*seen.days, end], [*seen.shares, seen.shares[-1]], where="post", label=name)
    last.set_title("items with 10 fair impressions, by days since release", fontsize=10)
    last.legend(fontsize=6, loc="center right")
    last.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text().splitlines()))


def days(value):
    return "not by the end" if math.isinf(value) else f"{value:.1f}"


def loop_row(name, waited):
    seen = [f"{100 * waited.seen[fair].share_by(day):.0f}" for fair, day in ((10, 1), (10, 7), (100, 7), (100, 14))]
    middle = waited.requests[10]
    requests = f"{middle[len(middle) // 2]:,}" if middle else ""
    return (f"| {name} | {days(waited.seen[1].median())} | {days(waited.seen[10].median())} | {days(waited.seen[100].median())} | "
            f"{' | '.join(seen)} | {requests} | {waited.attraction} | {waited.content} | {100 * waited.left:.1f} |")


def world_said(world):
    return ", ".join(f"`{key}={value}`" for key, value in world.items())


def page(curves, loops):
    tables = "\n\n".join(
        f"### {kind}\n\n{verdict(kind, curves.base, points)}\n\n{HEAD}\n{base_row(curves.base)}\n"
        + "\n".join(curve_row(strength, at) for strength, at in points) for kind, points in curves.by_kind.items())
    waited = "\n".join(loop_row(name, one) for name, one in loops.by_pipeline.items())
    stages = "\n".join(f"    {stage}" for stage in curves.stages)
    measured = "\n".join(f"- **{name}**: {', '.join(f'`{stage}`' for stage in loops.stages[name])}" for name in loops.by_pipeline)
    return TEXT.format(world=world_said(curves.world), people=curves.people, stages=stages, tables=tables, loop_world=world_said(loops.world),
                       own_days=loops.own_days, items=loops.items, base=loops.base, measured=measured, waited=waited)


def write(curves, loops, folder):
    draw(curves, loops, folder / "rerankers.svg")
    (folder / "rerankers.md").write_text(page(curves, loops))


TEXT = """# What re-rankers buy and cost

`./dev bench rerankers` writes this page and its drawing (bench/areas/rerankers.py). Everything is simulated ([world.md](world.md)), so what people
would have liked is known. One world, seed 1 everywhere; nothing was tuned on these figures, and another world may say otherwise.

![curves](rerankers.svg)

## Lists

A world ({world}) lives on its own policy; ALS (16 factors) and popularity are trained on its log. After the last day {people} people with ten
likes or more get 20 items each, by this pipeline, which is `feed` without its re-rankers, and then with one re-ranker behind it:

{stages}

| measure | what |
|---|---|
| attraction | probability that what is looked at attracts the person, by the world's law, over his moods; places count as far as they are looked at |
| content | probability that it attracts and then satisfies |
| finds something | probability that a visit finds at least one thing to click, in the mood that rules it (as Agrawal et al., "Diversifying search results", WSDM 2009): what variety is good for |
| own score | the formula's score, a place counts 1 / log2(1 + place): what the pipeline believes that it loses |
| categories, tastes | mean over pairs of the list: of different categories; 1 − cosine of the items' true vectors, which no model sees |
| off liked, off true | divergence (Steck, RecSys 2018, equation 6) of the list's categories from those of what the person liked, and from his true tastes; less is better |
| new | attention for what was shown fewer than 100 times, halved every week: what `newcomers` takes for new |
| seldom | attention for the creators who were shown least, who together had a fifth of all impressions: the group of `exposure` |
| surprise | bits, −log2 of an item's share of all clicks |
| items | how many different ones all lists have together |

The first four are changes from no re-ranker, with 95 % intervals from resampling people; of the others those are bold that changed beyond
chance. The sentences below are made from the intervals by the same command.

{tables}

## First impressions

How long what is new waits until people have seen it, where what is shown decides what is learnt. A world ({loop_world}) lives on its own policy
for {own_days} days; from then on a pipeline answers every request, fresh as the server is, its models trained anew each night; {items} items
are released meanwhile.

A **fair impression** is one more person who has looked at the item: a place is looked at with the probability that the world gives it, and
who has looked counts no second time. So an item at the tenth place of a hundred pages, or shown to one person all day, has few. Items that the
world's end cut short count as long as they were watched (Kaplan and Meier, JASA 1958). Visits with random pages are switched off.

Two things decide it. Sources are merged by 1 / (60 + place): the first of `new` at weight w stands where w / 61 says, so below 0.87 it is on no
first page, while at 2 every new item is before everything that one other source alone proposes. And `newcomers` counts showings
(`shown_max`), not looks: at the fifth place a hundred showings are some thirty people. With a greater `shown_max` more items share the same
places, so each waits longer.

{measured}

Median days from release until 1, 10 and 100 fair impressions; the share of items, in %, that had 10 within 1 and 7 days and 100 within 7 and
14; the median of answered requests, of everybody, until 10 (of those that got there); what pages lose against "{base}", in % with 95 %
intervals from resampling people; and how many of those who ever joined left, in %.

| pipeline | 1 | 10 | 100 | 10 in 1 d | 10 in 7 d | 100 in 7 d | 100 in 14 d | requests until 10 | attraction | content | left |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
{waited}
"""
