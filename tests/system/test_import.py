"""Every format and known data set, by the built program."""

import datetime
import gzip

import pyarrow
import pyarrow.parquet
import pytest

from conftest import run, run_json, shared

ROWS = [("u%d" % (n % 50), "i%d" % (n % 30), 1 + n % 5, 1_500_000_000 + n) for n in range(2000)]
HEADER = ("user_id", "item_id", "rating", "timestamp")


def text(separator, header=True):
    lines = [separator.join(HEADER)] if header else []
    return "\n".join(lines + [separator.join(map(str, row)) for row in ROWS]) + "\n"


def write_parquet(path):
    times = pyarrow.array([datetime.datetime.fromtimestamp(t, datetime.timezone.utc) for *_, t in ROWS], pyarrow.timestamp("us", "UTC"))
    columns = {"user_id": [r[0] for r in ROWS], "item_id": pyarrow.array([r[1] for r in ROWS]).dictionary_encode(),
               "rating": [float(r[2]) for r in ROWS], "timestamp": times}
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd")


WRITERS = {
    "e.csv": lambda path: path.write_text(text(",")),
    "e.tsv": lambda path: path.write_text(text("\t")),
    "ratings.dat": lambda path: path.write_text(text("::", header=False)),
    "e.csv.gz": lambda path: path.write_bytes(gzip.compress(text(",").encode())),
    "e.parquet": write_parquet,
    "e.jsonl": lambda path: path.write_text("".join(
        '{"type":"rating","user":"%s","item":"%s","value":%d,"ts":%d}\n' % (u, i, v, t * 1_000_000) for u, i, v, t in ROWS)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_events(tmp_path, name):
    WRITERS[name](tmp_path / name)
    data = tmp_path / "data"
    done = run_json("import", tmp_path / name, "--data", data)["events"]
    assert done["accepted"] == len(ROWS) and done["rejected"] == 0, done
    status = run_json("status", "--data", data)
    assert status["events_by_type"] == {"rating": len(ROWS)} and status["items"] == 30
    assert status["first"] == "2017-07-14T02:40:00Z" and status["last"] == "2017-07-14T03:13:19Z"
    again = run_json("import", tmp_path / name, "--data", data)["events"]
    assert again["accepted"] == 0, "a second import of the same file adds nothing"


def test_columns_are_named_by_flags(tmp_path):
    (tmp_path / "log.csv").write_text("at;reader;book\n2020-01-01T00:00:00Z;r1;b1\n2020-01-02T00:00:00Z;r1;b2\n")
    done = run_json("import", "--events", tmp_path / "log.csv", "--data", tmp_path / "data",
                    "--import.map", "user=reader,item=book,ts=at", "--import.set", "type=click")["events"]
    assert done["accepted"] == 2
    assert run_json("status", "--data", tmp_path / "data")["events_by_type"] == {"click": 2}
    wrong = run("import", "--events", tmp_path / "log.csv", "--data", tmp_path / "data", "--import.map", "user=raeder")
    assert wrong.returncode == 2 and "raeder" in wrong.stderr and "reader" in wrong.stderr


PURCHASES = "order_id,customer_id,product_id,price,purchased_at\n1,cust-7,SKU66,75.99,2025-01-01 01:03:34\n"


def test_import_says_how_it_understands_a_file(tmp_path):
    (tmp_path / "purchases.csv").write_text(PURCHASES)
    load = lambda *flags: run("import", tmp_path / "purchases.csv", "--data", tmp_path / "data", *flags)
    done = load("--import.set", "type=purchase")
    assert done.returncode == 0
    assert "user=customer_id,item=product_id,ts=purchased_at; type purchase\n" in done.stdout
    status = run_json("status", "--data", tmp_path / "data")
    assert status["events_by_type"] == {"purchase": 1} and status["first"] == "2025-01-01T01:03:34Z"
    done = load("--import.map", "value=price", "--import.map", "user=order_id")
    assert "user=order_id,value=price,item=product_id,ts=purchased_at; type click" in done.stdout, "the header says the rest"
    (tmp_path / "likes.csv").write_text("user,item\nu,i\n")
    done = run("import", tmp_path / "likes.csv", "--data", tmp_path / "likes")
    assert "no time (name its column: --import.map ts=<column>)" in done.stdout
    assert "none: the events came without times" in run("status", "--data", tmp_path / "likes").stdout
    (file,) = run_json("import", tmp_path / "likes.csv", "--data", tmp_path / "likes")["files"]
    assert file["columns"] == {"user": "user", "item": "item"} and (file["type"], file["time"]) == ("click", "none")


KNOWN = {"ml-100k": (100_000, 1_682), "ml-latest-small": (100_836, 9_742), "goodbooks-10k-v1": (981_756, 10_000),
         "s3rec-beauty": (198_502, 12_101), "gowalla": (810_128, 40_981), "steam-200k": (129_511, 5_155)}


@pytest.mark.parametrize("name", KNOWN)
def test_real_sets_are_read_whole(tmp_path, name):
    done = run_json("import", shared(name), "--data", tmp_path / "data")
    assert (done["events"]["accepted"], done["events"]["rejected"]) == (KNOWN[name][0], 0)
    assert run_json("status", "--data", tmp_path / "data")["items"] == KNOWN[name][1]


def test_goodbooks_from_its_files_to_titles(tmp_path):
    folder, data = shared("goodbooks-10k-v1"), tmp_path / "data"
    assert run("import", folder, "--preset", "goodbooks-10k", "--data", data).returncode == 0
    assert run("train", "--data", data).returncode == 0
    slate = run_json("recommend", "314", "--data", data, "--explain", "1")
    assert slate["personalized"] and len(slate["items"]) == 10
    assert all(len(item["title"]) > 2 and not item["title"].isdigit() for item in slate["items"])
