"""Every command of palate, from an empty folder to recommendations."""

import json
import pathlib
import signal
import subprocess
import time

from conftest import BIN, SMALL, run, run_json


def test_help_names_every_command_and_each_has_examples():
    text = run("--help").stdout
    for name in "init check import status train evaluate recommend similar serve simulate inspect sizing version".split():
        assert f"  {name} " in text
        assert "palate " + name in run(name, "--help").stdout


def test_inspect_shows_and_verifies_what_training_made(world, tmp_path):
    model = max((world / "default" / "models" / "als").iterdir())
    told = run_json("inspect", model)
    assert told["kind"] == "artefact" and told["manifest"]["kind"] == "als" and told["verified"] == "all bytes"
    assert told["dictionary"]["keys"] == told["manifest"]["items"] and told["dictionary"]["first_keys"]
    names = run_json("inspect", model / "items.dictionary")
    assert names["kind"] == "dictionary" and names["dictionary"] == told["dictionary"]
    vectors = run_json("inspect", model / "tensors.safetensors")
    assert vectors["kind"] == "vectors" and vectors["tensors"] == told["tensors"]
    assert "whole: all bytes checked" in run("inspect", model).stdout
    damaged = bytearray((model / "items.dictionary").read_bytes())
    damaged[100] ^= 1
    (tmp_path / "damaged").write_bytes(damaged)
    refused = run("inspect", tmp_path / "damaged")
    assert refused.returncode == 6 and "damaged" in refused.stderr
    assert run("inspect", tmp_path / "absent").returncode == 3
    assert "palate status" in run("inspect", tmp_path).stderr


def test_version():
    told = run_json("version")
    assert told["version"].count(".") == 2 and "palate.event/1" in told["schemas"]
    assert run("--version").stdout.startswith("palate ")


def test_init_writes_what_check_accepts_and_does_not_replace(tmp_path):
    assert run("init", cwd=tmp_path).returncode == 0
    assert "# factors = " in (tmp_path / "palate.toml").read_text()
    assert run("check", cwd=tmp_path).returncode == 0
    again = run("init", cwd=tmp_path)
    assert again.returncode == 4 and "--force" in again.stderr


def test_settings_flag_over_environment_over_file(tmp_path):
    (tmp_path / "palate.toml").write_text("[als]\nfactors = 8\n")
    changed = lambda *a, **k: run_json("check", *a, cwd=tmp_path, **k)["changed"]["als.factors"]
    assert changed() == "8"
    assert changed(env={"PALATE_ALS_FACTORS": "16"}) == "16"
    assert changed("--als.factors", "32", env={"PALATE_ALS_FACTORS": "16"}) == "32"


def test_the_whole_way_at_the_shell(tmp_path):
    data = tmp_path / "data"
    made = run_json("simulate", "--data", data, *SMALL)
    assert made["users"] == 300 and made["items"] == 200 and made["events"] > 10_000
    again = run_json("simulate", "--data", data, *SMALL)
    assert again["events"] == 0 and again["duplicates"] == made["events"], "one seed, one world: nothing new"
    trained = run_json("train", "--data", data)
    assert [m["kind"] for m in trained["models"]] == ["popularity", "als"]
    status = run_json("status", "--data", data)
    assert status["events"] == made["events"] and status["release"] == 1 and status["items_described"] == 200
    user = status["sample_user"]
    slate = run_json("recommend", user, "--data", data, "-n", "7", "--explain", "2")
    assert slate["personalized"] and len(slate["items"]) == 7
    assert all(item["title"] and item["reasons"] for item in slate["items"])
    following = run_json("recommend", user, "--data", data, "-n", "7", "--cursor", slate["cursor"])
    assert not {i["item"] for i in slate["items"]} & {i["item"] for i in following["items"]}
    stranger = run_json("recommend", "nobody", "--data", data)
    assert not stranger["personalized"] and stranger["source"] == "popularity" and stranger["why"]
    like = run_json("similar", slate["items"][0]["item"], "--data", data, "-n", "5")
    assert len(like["items"]) == 5 and slate["items"][0]["item"] not in {i["item"] for i in like["items"]}


def test_lists_for_many_users_are_those_of_one_by_one(world, tmp_path):
    users, out = tmp_path / "users.txt", tmp_path / "lists.jsonl"
    users.write_text("u00001\r\nnobody\n\nü \"quoted\"\nu00002")
    done = run_json("recommend", "--users", users, "--out", out, "-n", "6", "--data", world)
    assert (done["users"], done["personalized"]) == (4, 2)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["user"] for line in lines] == ["u00001", "nobody", 'ü "quoted"', "u00002"]
    for line in lines:
        alone = run_json("recommend", line["user"], "-n", "6", "--data", world)
        assert line["personalized"] == alone["personalized"]
        assert [item["item"] for item in line["items"]] == [item["item"] for item in alone["items"]]
    refused = run("recommend", "--users", tmp_path / "absent", "--out", out, "--data", world)
    assert refused.returncode != 0 and "absent" in refused.stderr
    assert run("recommend", "--users", users, "--data", world).returncode == 2, "--out is missing"


def test_a_category_takes_one_value_and_leaves_the_user_alone(world):
    slate = run_json("recommend", "--category", "crime", "u00001", "--data", world)
    assert slate["known_user"], "u00001 is the user, not a second category"


def test_training_is_repeatable_whatever_the_threads(world):
    tensors = lambda m: (world / "default" / "models" / "als" / m["models"][1]["version"] / "tensors.safetensors").read_bytes()
    one = run_json("train", "--data", world, "--threads", "1")
    four = run_json("train", "--data", world, "--threads", "4")
    other = run_json("train", "--data", world, "--seed", "2")
    assert tensors(one) == tensors(four)
    assert tensors(one) != tensors(other)


def test_evaluate_reports_with_intervals_and_beats_popularity(tmp_path):
    world = tmp_path / "data"  # large enough for the difference to be clear of chance
    assert run("simulate", "--data", world, "--simulate.users", "2000", "--simulate.items", "1000").returncode == 0
    report = run_json("evaluate", "--data", world, "--k", "10", "--als.regularization", "30")  # as a small catalogue wants
    metrics = {}
    for part in report["reports"]:
        metrics[part["model"]["kind"]] = {m["name"]: m for m in part["metrics"]}
    for values in metrics.values():
        assert set(values) >= {"recall", "ndcg", "map", "mrr", "hit_rate", "coverage"}
        assert all(m["k"] == 10 and m["low"] <= m["mean"] <= m["high"] for m in values.values())
    (difference,) = report["differences"]
    ndcg = next(m for m in difference["metrics"] if m["name"] == "ndcg")
    assert ndcg["low"] > 0, "the paired interval of als over popularity is clear of 0"
    folder = pathlib.Path(report["directory"])
    assert json.loads((folder / "report.json").read_text())["reports"] == report["reports"]
    assert "recall" in (folder / "report.md").read_text()


def test_simulate_writes_files_that_import_reads(tmp_path):
    made = run_json("simulate", "--out", tmp_path / "world", *SMALL, cwd=tmp_path)
    done = run_json("import", tmp_path / "world", "--data", tmp_path / "data")
    assert done["events"]["accepted"] == made["events"]
    assert done["items"]["accepted"] == 200 and done["users"]["accepted"] == 300
    again = run_json("import", tmp_path / "world", "--data", tmp_path / "data")
    assert again["events"]["accepted"] == 0


def test_ctrl_c_leaves_nothing_half_written(tmp_path):
    data = tmp_path / "data"
    run("simulate", "--data", data, *SMALL)
    before = run_json("status", "--data", data)
    process = subprocess.Popen([BIN, "train", "--data", str(data), "--als.factors", "1024", "--als.iterations", "500"],
                               stderr=subprocess.PIPE, text=True)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130 and "stopped on request" in errors
    after = run_json("status", "--data", data)
    assert after["models"] == [m for m in after["models"] if m["kind"] == "popularity"], "no half-written als"
    assert after["release"] == before["release"] == 0
    assert not [p for p in (data / "default" / "models").rglob("*.tmp-*")]


def test_the_reference_page_is_what_the_code_declares():
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "config.md"
    assert page.read_text() == run("check", "--reference").stdout, "palate check --reference > docs/reference/config.md"
