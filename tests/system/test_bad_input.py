"""Each wrong thing a user does gets an error that names it and what to do, the right exit code, and harms nothing."""

import gzip
import json
import time

import pytest

from conftest import run, run_json


def refused(done, code, *words):
    assert done.returncode == code, f"exit {done.returncode}: {done.stderr}"
    for word in words:
        assert word in done.stderr, f"'{word}' is not in: {done.stderr}"
    assert "terminate called" not in done.stderr


def test_wrong_config_key(tmp_path):
    (tmp_path / "palate.toml").write_text("[als]\n\nfactrs = 8\n")
    refused(run("check", cwd=tmp_path), 2, "palate.toml:3", "als.factrs", "als.factors")
    refused(run("check", "--als.factrs", "8", cwd=tmp_path / ".."), 2, "als.factors")
    refused(run("check", "--als.factors", "many"), 2, "whole number")
    refused(run("check", env={"PALATE_ALS_FACTORS": "0"}), 2, "PALATE_ALS_FACTORS")


def test_wrong_command_and_flag():
    refused(run("trian"), 2, "no command 'trian'", "did you mean 'train'?", "--help")
    refused(run("train", "--moddels", "als"), 2, "no flag '--moddels'", "did you mean '--models'?", "palate train --help")
    refused(run("serve", "--host", "0.0.0.0"), 2, "did you mean '--serve.host'?")
    refused(run("train", "als"), 2, "does not expect 'als'")
    refused(run("--data", "x", "status"), 2, "flags come behind")
    refused(run("similar"), 2, "item is required", "palate similar --help")
    refused(run("recommend", "u", "-n", "-1"), 2, "-1", "1 to 1000")
    refused(run("evaluate", "--bootstrap", "0"), 2, "--bootstrap", "100")
    refused(run(), 2, "name a command", "import", "recommend")


def test_help_is_asked_for_in_several_ways():
    assert run("help").stdout == run("--help").stdout != ""
    assert run("help", "train").stdout == run("train", "--help").stdout
    assert "palate train [OPTIONS]" in run("train", "--help").stdout
    refused(run("help", "trian"), 2, "did you mean 'train'?")


def test_a_misspelt_environment_variable_is_named():
    refused(run("check", env={"PALATE_ALS_FACTOR": "8"}), 2, "PALATE_ALS_FACTOR ", "PALATE_ALS_FACTORS")


def test_a_file_of_which_no_row_fits_is_an_error_with_an_example(tmp_path):
    (tmp_path / "e.csv").write_text("user_id,item_id,date\nu1,i1,31/01/2025\nu2,i2,01/02/2025\n")
    done = run("import", tmp_path / "e.csv", "--data", tmp_path / "d")
    refused(done, 2, "every row of the events was refused (2)", "quarantine", "docs/import.md")
    assert "2 refused: bad_time, first" in done.stdout and "e.csv:2: " in done.stdout and "'31/01/2025'" in done.stdout
    again = run("import", tmp_path / "e.csv", "--data", tmp_path / "d", "--json")
    assert again.returncode == 2 and json.loads(again.stdout)["events"]["rejected"] == 2


def test_files_that_are_no_tables(tmp_path):
    def refuse(name, content, *words, flags=()):
        (tmp_path / name).write_bytes(content)
        refused(run("import", tmp_path / name, "--data", tmp_path / "d", *flags), 2, name, *words)
        assert not (tmp_path / "d").exists(), "nothing is made for a file that cannot be understood"

    refuse("empty.csv", b"", "is empty")
    refuse("utf16.csv", "user,item\nu,i\n".encode("utf-16"), "UTF-16", "iconv")
    refuse("sheet.csv", b"PK\3\4\0\0\n\0", "no text")
    refuse("no_header.csv", b"u1,i1,1500000000\n", "'user'", "--import.map user=<column>", "#1, #2, #3")
    refuse("no_item.csv", b"user,thing\nu,i\n", "'item'", "user, thing")
    (tmp_path / "header.csv").write_text("user,item\n")
    assert "there is no row" in run("import", tmp_path / "header.csv", "--data", tmp_path / "d").stdout


def test_missing_files_and_directories(tmp_path):
    refused(run("import", tmp_path / "none.csv", "--data", tmp_path / "d"), 3, "none.csv")
    refused(run("check", "--config", tmp_path / "none.toml"), 3, "none.toml")
    for command in (["status"], ["train"], ["recommend", "u"], ["serve"]):
        if command == ["serve"]:
            continue  # serve makes its directory: events can come in over HTTP
        refused(run(*command, "--data", tmp_path / "none"), 3, "none", "palate import")


def test_nothing_trained_yet(tmp_path):
    data = tmp_path / "d"
    (tmp_path / "e.csv").write_text("user_id,item_id,timestamp\nu1,i1,1000000\n")
    assert run("import", tmp_path / "e.csv", "--data", data).returncode == 0
    refused(run("recommend", "u1", "--data", data), 13, "palate train")


def test_unknown_model_user_item(world):
    refused(run("train", "--models", "alls", "--data", world), 3, "alls", "als")
    refused(run("similar", "no-such-item", "--data", world), 3, "no-such-item")
    refused(run("recommend", "u00001", "--category", "crimes", "--data", world), 2, "crimes", "crime")
    refused(run("recommend", "u00001", "--cursor", "garbage", "--data", world), 2, "cursor")


def test_truncated_gzip(tmp_path):
    text = "user_id,item_id,rating,timestamp\n" + "".join(f"u{n},i{n % 7},5,{1_500_000_000 + n}\n" for n in range(20_000))
    whole = gzip.compress(text.encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    refused(run("import", tmp_path / "cut.csv.gz", "--data", tmp_path / "d"), 6, "cut.csv.gz")
    (tmp_path / "not.csv.gz").write_bytes(b"\x1f\x8b" + b"rubbish" * 10)
    refused(run("import", tmp_path / "not.csv.gz", "--data", tmp_path / "d"), 6, "not.csv.gz")


BAD_ROWS = [
    ("invalid utf-8", b"\xff\xfe,i1,5,1500000000"),
    ("overlong line", b"u" * (2 << 20) + b",i1,5,1500000000"),
    ("overlong id", b"u" * 300 + b",i1,5,1500000000"),
    ("not a number", b"u1,i1,nan,1500000000"),
    ("infinite", b"u1,i1,inf,1500000000"),
    ("negative time", b"u1,i1,5,-5"),
    ("far future", b"u1,i1,5,9999999999"),
    ("no user", b",i1,5,1500000000"),
    ("too few columns", b"u1"),
]


@pytest.mark.parametrize("name,row", BAD_ROWS, ids=[name for name, _ in BAD_ROWS])
def test_bad_rows_are_quarantined_with_file_line_and_reason(tmp_path, name, row):
    good = b"u1,i1,5,1500000000\nu2,i2,4,1500000001\n"
    (tmp_path / "e.csv").write_bytes(b"user_id,item_id,rating,timestamp\n" + good + row + b"\nu3,i3,5,1500000002\n")
    done = run_json("import", tmp_path / "e.csv", "--data", tmp_path / "d")
    assert done["events"]["accepted"] == 3 and done["events"]["rejected"] == 1, done
    (reason,) = done["events"]["reasons"]
    lines = [json.loads(line) for path in (tmp_path / "d" / "default" / "quarantine").iterdir() for line in open(path)]
    lines = [line for line in lines if "recipe" not in line]
    assert len(lines) == 1
    assert lines[0]["line"] == 4 and lines[0]["reason"] == reason and lines[0]["file"].endswith("e.csv") and lines[0]["message"]


def test_unknown_event_type(tmp_path):
    (tmp_path / "e.jsonl").write_text(
        '{"type":"click","user":"u1","item":"i1","ts":"2020-01-01T00:00:00Z"}\n'
        '{"type":"teleport","user":"u1","item":"i1","ts":"2020-01-01T00:00:00Z"}\n')
    done = run_json("import", tmp_path / "e.jsonl", "--data", tmp_path / "d")
    assert done["events"]["accepted"] == 1 and "unknown_type" in done["events"]["reasons"]


def test_unwritable_directory():
    # /sys refuses everybody, root too.
    refused(run("simulate", "--data", "/sys/palate-data", "--simulate.users", "10"), 14, "/sys/palate-data", "check owner and mode")


def test_port_in_use_and_second_writer(world, serve, tmp_path):
    first = serve(world).wait_ready()
    refused(run("serve", "--data", world, "--port", "0"), 5, "LOCK", str(first.process.pid))
    refused(run("simulate", "--data", world), 5, "LOCK")
    port = first.url.rsplit(":", 1)[1]
    refused(run("serve", "--data", tmp_path / "other", "--port", port), 5, port, "--port")
    assert first.client.get("/healthz").status_code == 200
    assert run_json("status", "--data", world)["events"] > 0, "reading beside a writer works"


def test_a_flipped_byte_in_an_artefact_is_named_and_refused(world):
    tensors = world / "default" / "models" / "als" / "000001" / "tensors.safetensors"
    raw = bytearray(tensors.read_bytes())
    raw[len(raw) // 2] ^= 1
    tensors.chmod(0o644)
    tensors.write_bytes(raw)
    refused(run("recommend", "u00001", "--data", world), 6, "tensors.safetensors")
    raw[len(raw) // 2] ^= 1
    tensors.write_bytes(raw)
    assert run("recommend", "u00001", "--data", world).returncode == 0


def test_a_server_goes_on_with_the_old_release_when_the_new_one_is_corrupt(world, serve):
    # The release is broken before the server sees it: trained beside no server, made live while one runs on the old release.
    releases = world / "default" / "releases"
    old = (releases / "CURRENT").read_text()
    assert run("train", "--data", world).returncode == 0
    new = (releases / "CURRENT").read_text()
    tensors = world / "default" / "models" / "als" / "000002" / "tensors.safetensors"
    raw = bytearray(tensors.read_bytes())
    raw[len(raw) // 2] ^= 1
    tensors.chmod(0o644)
    tensors.write_bytes(raw)
    (releases / "CURRENT").write_text(old)
    server = serve(world).wait_ready()
    (releases / "CURRENT").write_text(new)
    deadline = time.monotonic() + 10
    while "tensors.safetensors" not in server.client.get("/readyz").text:
        assert time.monotonic() < deadline, "the server never said that the new release is corrupt: " + server.client.get("/readyz").text
        time.sleep(0.05)
    answer = server.client.get("/v1/recommendations", params={"user": "u00001"})
    assert answer.status_code == 200 and answer.json()["release"] == 1, "the old release serves on"


def test_a_refused_record_names_its_field(world, serve):
    server = serve(world).wait_ready()
    wrong = [({"id": "i", "title": "x"}, "unknown_field", "title"), ({"id": "i", "titles": ["x"]}, "bad_field", "titles"),
             ({"titles": "x"}, "missing_id", "id"), ({"id": "i", "released": "soon"}, "bad_time", "released")]
    answer = server.client.post("/v1/items", json=[record for record, *_ in wrong])
    assert answer.status_code == 400
    assert [(e["reason"], e["field"]) for e in answer.json()["errors"]] == [(reason, field) for _, reason, field in wrong]
