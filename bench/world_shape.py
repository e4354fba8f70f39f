"""The shape of a simulated world beside that of real data sets: tails of activity and popularity, session lengths, repeats.

    bench/world_shape.py WORLD [DATA]

WORLD: what `palate simulate --out WORLD` wrote. DATA: a folder of sets as lists of users and items; those that are not there are left
out. Prints a table; tests/system/test_world_shape.py holds the world to the range of the real sets.
"""
import collections
import csv
import gzip
import json
import pathlib
import statistics
import sys

SESSION_GAP_S = 1800


def table(path, user, item, keep=lambda row: True, time=None):
    """Rows (user, item, seconds or None) of a gzip CSV with a header."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return [(row[user], row[item], float(row[time]) if time else None) for row in csv.DictReader(lines) if keep(row)]


def lists(path):
    """Of "user item item …" lines."""
    with gzip.open(path, "rt") as lines:
        return [(user, item, None) for user, *items in map(str.split, lines) for item in items]


def pairs(path):
    """Of "user item" lines in order of time."""
    with gzip.open(path, "rt") as lines:
        return [(*line.split(), None) for line in lines]


# Sets that were cut to a number of interactions a user or an item (lastfm-hetrec, goodbooks-10k-v1, ml-100k) have no tail to compare
# with. How each set is read, and whether its sessions and its repeats say anything: one row a pair has no repeats, a session of a day no length.
SETS = {
    "gowalla": (lambda p: lists(p / "train.txt.gz"), False, False),
    "anime-5k": (lambda p: table(p / "interactions.csv.gz", "user_id", "item_id"), False, False),
    "steam-200k": (lambda p: table(p / "interactions.csv.gz", "user_id", "item_id"), False, False),
    "ml-latest-small": (lambda p: table(p / "interactions.csv.gz", "user_id", "item_id", time="timestamp"), False, False),
    "s3rec-beauty": (lambda p: lists(p / "sequences.txt.gz"), False, False),
    "retailrocket-3k": (lambda p: table(p / "interactions.csv.gz", "user_id", "item_id", lambda row: row["event"] == "view"), False, False),
    "yoochoose-100k": (lambda p: table(p / "interactions.csv.gz", "user_id", "item_id", time="timestamp"), True, True),
    "sasrec-wikipedia": (lambda p: pairs(p / "user_item.txt.gz"), False, True),
}


def world(folder):
    """The clicks of a world, with the session as a part of the user's name beside."""
    rows = []
    with open(pathlib.Path(folder) / "events.jsonl", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith('{"type":"click"'):
                event = json.loads(line)
                rows.append((event["user"], event["item"], event["context"]["session"]))
    return rows


def gini(counts):
    counts = sorted(counts)
    total = sum(counts)
    return sum((2 * i - len(counts) + 1) * count for i, count in enumerate(counts)) / (len(counts) * total)


def share_of_top(counts, share):
    counts = sorted(counts, reverse=True)
    return sum(counts[: max(1, round(share * len(counts)))]) / sum(counts)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def tails(rows):
    users = list(collections.Counter(user for user, _, _ in rows).values())
    items = list(collections.Counter(item for _, item, _ in rows).values())
    return {
        "interactions a user, mean over median": statistics.mean(users) / statistics.median(users),
        "interactions a user, p99 over median": quantile(users, 0.99) / statistics.median(users),
        "users, Gini": gini(users),
        "items, Gini": gini(items),
        "interactions with the top 1 % of items": share_of_top(items, 0.01),
        "interactions with the top 10 % of items": share_of_top(items, 0.10),
    }


def session_lengths(sessions):
    """Of sessions with two clicks or more, as session data sets are prepared."""
    lengths = [n for n in collections.Counter(sessions).values() if n >= 2]
    return {
        "clicks a session, mean": statistics.mean(lengths),
        "clicks a session, median": statistics.median(lengths),
        "clicks a session, p95": quantile(lengths, 0.95),
    }


def repeats(rows):
    return {"clicks on what the user had before": 1 - len({(user, item) for user, item, _ in rows}) / len(rows)}


def shape_of_world(folder):
    rows = world(folder)
    return {**tails(rows), **session_lengths(session for _, _, session in rows), **repeats(rows)}


def shapes_of_sets(data):
    found = {}
    for name, (read, has_sessions, has_repeats) in SETS.items():
        if (pathlib.Path(data) / name).is_dir():
            rows = read(pathlib.Path(data) / name)
            found[name] = {} if has_sessions else tails(rows)  # a user of such a set is a session
            if has_sessions:
                found[name] |= {key: value for key, value in tails(rows).items() if "item" in key and "user," not in key}
                found[name] |= session_lengths(user for user, _, _ in rows)
            if has_repeats:
                found[name] |= repeats(rows)
    return found


def ranges(sets):
    """The least and the most of each figure over the sets that have it."""
    values = collections.defaultdict(list)
    for shape in sets.values():
        for key, value in shape.items():
            values[key].append(value)
    return {key: (min(all_of_it), max(all_of_it)) for key, all_of_it in values.items()}


def as_table(ours, sets):
    lines = ["| | world | " + " | ".join(sets) + " |", "|---|--:|" + "--:|" * len(sets)]
    for key, value in ours.items():
        cells = [f"{shape[key]:.3g}" if key in shape else "" for shape in sets.values()]
        lines.append(f"| {key} | {value:.3g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    print(as_table(shape_of_world(sys.argv[1]), shapes_of_sets(sys.argv[2]) if len(sys.argv) == 3 else {}))
