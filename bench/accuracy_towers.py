"""What two towers are worth: beside als where items are known by likes, on items that nobody has liked, and on a language whose likes are
taken out, then partly put back. Prints Markdown.

    bench/accuracy_towers.py [known|cold|language …] [--work FOLDER]       # default: all three, in a temporary folder

The program is PALATE_BIN, else build/bench/bin/palate, with palate-train beside it; the sets are looked for in ../shared/data (PALATE_SHARED).
Settings of two_tower are its defaults. That vectors are of length 1 (`normalize`) and the temperature were chosen on a fifth of citeulike-a's p10 training rows;
choose others on slices of the training parts, too (`palate evaluate --split hold-out`), never on a test part.
"""

import argparse
import csv
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = os.environ.get("PALATE_BIN", ROOT / "build" / "bench" / "bin" / "palate")
SHARED = pathlib.Path(os.environ.get("PALATE_SHARED", ROOT.parent / "shared")) / "data"
LANGUAGE, OTHERS, LIKED = "fre", 3000, 4  # of goodbooks: whose likes are taken out, users beside its readers, the least rating that is a like

TOWERS = {}
CONTENT = {"content.contrast": 0.783, "content.neighbours": 234, "content.popularity_power": 0.355, "content.rarity_power": 1.221}  # of docs/accuracy.md
KNOWN = {"lastfm-hetrec": {}, "ml-latest-small": {}}
COLD = {}


def palate(*arguments):
    done = subprocess.run([BIN, *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"palate {arguments[0]} failed")
    return json.loads(done.stdout)


def flags(settings):
    return [part for key, value in settings.items() for part in (f"--{key}", value)]


def figures(metrics, k, sign=1):
    cells = []
    for name in ("recall", "ndcg"):
        m = next(m for m in metrics if m["name"] == name and m["k"] == k)
        low, high = sorted((sign * m["low"], sign * m["high"]))
        cells.append(f"{sign * m['mean']:.4f} ({low:.4f} to {high:.4f})")
    return " | ".join(cells)


def table(title, data, kinds, k, *settings):
    """Rows of the models, and the last of them against each other, on the same users."""
    answer = palate("evaluate", "--data", data, "--models", ",".join(reversed(kinds)), "--k", k, "--discard", *settings)
    print(f"\n### {title}\n\n| model | recall@{k} | ndcg@{k} |\n|---|--:|--:|")
    for report in reversed(answer["reports"]):
        print(f"| {report['model']['kind']} | {figures(report['metrics'], k)} |")
    for other in answer["differences"]:
        print(f"| {kinds[-1]} − {other['model']['kind']} | {figures(other['metrics'], k, -1)} |")
    sys.stdout.flush()


def known(work):
    for name, chosen in KNOWN.items():
        data = work / name
        palate("import", "--events", SHARED / name / "interactions.csv.gz", "--items", SHARED / name / "items.csv.gz", "--data", data)
        table(f"{name}, a fifth of each user's rows", data, ("popularity", "als", "two_tower"), 20, "--split", "hold-out", "--test-share", 0.2,
              *flags(chosen))


def cold(work):
    """Most of p10's test rows are of items with few training rows or none; all that is known of items is tags."""
    for part in ("train", "test"):
        with gzip.open(SHARED / "citeulike-a" / f"p10_{part}_users.dat.gz", "rt") as lines, open(work / f"{part}.csv", "w") as out:
            out.write("user_id,item_id\n")
            for user, line in enumerate(lines):
                out.writelines(f"{user},{item}\n" for item in line.split()[1:])
    liked = {row["item_id"] for row in csv.DictReader(open(work / "train.csv"))}
    with open(work / "test.csv") as rows, open(work / "cold.csv", "w") as out:
        out.write("user_id,item_id\n")
        out.writelines(f"{row['user_id']},{row['item_id']}\n" for row in csv.DictReader(rows) if row["item_id"] not in liked)
    data = work / "citeulike"
    palate("import", "--events", work / "train.csv", "--items", SHARED / "citeulike-a" / "items.csv.gz", "--data", data)
    settings = flags(CONTENT | COLD)
    table("citeulike-a p10, all test rows", data, ("als", "content", "two_tower"), 50, "--test", work / "test.csv", *settings)
    table("citeulike-a p10, items without a training row", data, ("als", "content", "two_tower"), 50, "--test", work / "cold.csv", *settings)


def goodbooks(work):
    """Likes of LANGUAGE's readers and of some others, as (user, item, whether it is of the language); items go to a file."""
    folder = SHARED / "goodbooks-10k-v1"
    with gzip.open(folder / "items.csv.gz", "rt") as rows:
        books = {row["item_id"]: row for row in csv.DictReader(rows)}
    with open(work / "items.jsonl", "w") as out:
        for key, book in books.items():
            language = book["language"] or ""
            texts = {f"{language}-original": book["original_title"]} if book["original_title"] not in ("", book["title"]) else {}
            record = {"id": key, "titles": {"": book["title"]} | texts, "tags": [a.strip() for a in book["authors"].split(",")],
                      "languages": [language[:2]] if language else []}
            out.write(json.dumps(record) + "\n")
    with gzip.open(folder / "interactions.csv.gz", "rt") as rows:
        likes = [(row["user_id"], row["item_id"]) for row in csv.DictReader(rows) if int(row["rating"]) >= LIKED]
    likes = sorted(set(likes))
    foreign = {key for key, book in books.items() if book["language"] == LANGUAGE}
    others = {user for user, item in likes if item not in foreign}
    readers = {user for user, item in likes if item in foreign} & others
    chosen = readers | set(random.Random(1).sample(sorted(others - readers), OTHERS))
    return [(user, item, item in foreign) for user, item in likes if user in chosen and (user in others)]


def write_rows(path, rows):
    with open(path, "w") as out:
        out.write("user_id,item_id\n")
        out.writelines(f"{user},{item}\n" for user, item, *_ in rows)
    return path


def language(work):
    likes = goodbooks(work)
    foreign = [row for row in likes if row[2]]
    shown = set(random.Random(2).sample(foreign, len(foreign) // 5))
    home = [row for row in likes if not row[2]]
    test = write_rows(work / "foreign-test.csv", [row for row in foreign if row not in shown])
    print(f"\ngoodbooks: {len({u for u, *_ in likes})} users, {len(home)} likes of other languages, {len(foreign)} of '{LANGUAGE}', "
          f"of which {len(shown)} are put back and {len(foreign) - len(shown)} are test")
    for title, rows in (("zero-shot: none of its likes", home), ("few-shot: a fifth of its likes", home + sorted(shown))):
        data = work / title.split(":")[0]
        palate("import", "--events", write_rows(work / "rows.csv", rows), "--items", work / "items.jsonl", "--data", data)
        for texts in (0, TOWERS.get("two_tower.text_epochs", 20)):
            settings = flags(TOWERS | {"two_tower.text_epochs": texts})
            kinds = ("two_tower",) if texts == 0 else ("popularity", "als", "content", "two_tower")
            table(f"{title}; {texts} epochs over texts first", data, kinds, 100, "--test", test, *settings)


PARTS = {"known": known, "cold": cold, "language": language}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="which; all without one")
    parser.add_argument("--work", type=pathlib.Path, help="a folder that stays")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="palate-towers-") as temporary:
        work = arguments.work or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for part in arguments.parts or PARTS:
            PARTS[part](work)


if __name__ == "__main__":
    main()
