"""What answers to a few questions are worth. People of a simulated world, whose tastes are known, come as strangers and are asked about k
titles: chosen by `/v1/onboarding`, the most popular, or any of the 500 most popular. Each likes what is among the best quarter of all
items for him, dislikes what is among the worst, and says nothing of the rest. Then he gets ten items, out of all. Regret: how far their
true attraction lies below that of the ten best."""
import json
import math
import random
import subprocess
import urllib.parse

import harness
from harness import Row, Server, Wrong, palate

ASKED = (5, 10, 20)
LISTED = 10
SEED = 7


def people_of(world, count):
    """The names of all items, and of each of `count` users how much each item attracts him."""
    out = subprocess.run([harness.BIN.parent / "truth_table", str(count), *world], check=True, capture_output=True, text=True).stdout
    names, *lines = out.splitlines()
    return names.split(","), [[float(value) for value in line.split(",")] for line in lines]


def get(server, path, **query):
    status, body = server.request("GET", f"{path}?{urllib.parse.urlencode(query, doseq=True)}")
    if status != 200:
        raise Wrong(f"{path} answered {status}: {body[:300]}")
    return json.loads(body)


class Person:
    def __init__(self, names, attraction):
        self.attraction = dict(zip(names, attraction))
        ranked = sorted(attraction)
        self.likes_from, self.dislikes_to = ranked[len(ranked) * 3 // 4], ranked[len(ranked) // 4]

    def answers(self, asked):
        for item in asked:
            if self.attraction[item] >= self.likes_from:
                yield item, "like"
            elif self.attraction[item] <= self.dislikes_to:
                yield item, "dislike"

    def regret(self, server, name, asked):
        events = [{"type": kind, "user": name, "item": item} for item, kind in self.answers(asked)]
        query = {}
        if events:
            status, body = server.request("POST", "/v1/events", json.dumps(events))
            if status != 200:
                raise Wrong(f"events were answered {status}: {body[:300]}")
            query["after"] = json.loads(body)["position"]
        # What was asked may come: else whoever is asked about the best titles has the worst left.
        answer = get(server, "/v1/recommendations", user=name, n=LISTED, include_consumed="true", **query)
        got = sum(self.attraction[item["item"]] for item in answer["items"])
        return 1 - got / sum(sorted(self.attraction.values(), reverse=True)[:LISTED])


def strategies(server):
    popular = [item["item"] for item in get(server, "/v1/recommendations", n=500, pipeline="popular")["items"]]
    chosen = [item["item"] for item in get(server, "/v1/onboarding", n=max(ASKED))["items"]]
    dice = random.Random(SEED)
    return {"onboarding": lambda k: chosen[:k], "popular": lambda k: popular[:k], "random": lambda k: dice.sample(popular, k)}


def mean_and_error(values):
    mean = sum(values) / len(values)
    return mean, 1.96 * math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))


def measure(context):
    users, count = (1_000, 60) if context.quick else (5_000, 500)
    world = [f"--simulate.users={users}", "--simulate.items=1000", "--simulate.days=30"]
    data = context.work / "onboarding"
    palate("simulate", "--data", data, *world)
    # As many factors as a world of this size has tastes for; the same for all who ask.
    palate("train", "--data", data, "--als.factors", "16", "--als.regularization", "30")
    names, tastes = people_of(world, count)
    people = [Person(names, taste) for taste in tastes]
    rows = []
    with Server(data) as server:
        chosen_by = strategies(server)
        nothing = mean_and_error([person.regret(server, f"nothing-{i}", []) for i, person in enumerate(people)])[0]
        for k in ASKED:
            regrets = {
                strategy: [person.regret(server, f"{strategy}-{k}-{i}", choose(k)) for i, person in enumerate(people)]
                for strategy, choose in chosen_by.items()
            }
            mean, error = mean_and_error(regrets["onboarding"])
            for other in ("popular", "random"):
                gain, gain_error = mean_and_error([theirs - ours for ours, theirs in zip(regrets["onboarding"], regrets[other])])
                rows.append(Row(
                    f"regret after {k} questions", mean, "", f"± {error:.3f}; {gain:.3f} ± {gain_error:.3f} less than with {other}; "
                    f"{nothing:.3f} without any; {len(people)} people", peer=f"{other} titles", peer_value=sum(regrets[other]) / len(people),
                    lower_is_better=True))
    return rows
