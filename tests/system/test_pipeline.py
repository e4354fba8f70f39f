"""Pipelines out of a configuration: what `palate check` says of wrong ones, what a server makes of right ones, and what it does when
a stage fails or the time is up."""

import base64
import datetime
import shutil

import httpx
import pytest
from conftest import ROOT, Server, run, run_json

PIPELINES = """
[recommend]
pipeline = "home"

[pipelines.home]
stages = [
  "personal quota=50",
  "popular quota=20",
  "formula score='unit(personal) + 0.2 * unit(log1p(popularity))'",
  "spread by=category max=5 distance=2",
  "pin items=i00007 places=2",
]
places = 30
deadline_ms = 1000

[pipelines.hurried]
stages = ["popular quota=20", "formula score='popularity'", "dpp"]
deadline_ms = 0.000001

[pipelines.broken]
stages = ["popular quota=20", "trending", "formula score='model.nothing'"]
deadline_ms = 1000

[pipelines.drawn]
stages = ["popular quota=30", "explore temperature=10 to=10 candidates=30"]

[pipelines.latest]
stages = ["new quota=10 days=36500"]

[pipelines.paid]
stages = ["popular quota=20", "pin items=i00007 places=2 sponsored=true"]

[shelves.start]
rows = ["home title='For you' n=5", "latest title=New n=5 least=1", "popular title=Many n=5"]
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    file = tmp_path_factory.mktemp("pipelines") / "palate.toml"
    file.write_text(PIPELINES)
    return file


@pytest.fixture(scope="module")
def server(small_world, config):
    data = config.parent / "data"
    shutil.copytree(small_world, data)
    server = Server(data, "--config", config).wait_ready()
    yield server
    server.stop()


def get(server, path, **query):
    answer = httpx.get(f"{server.url}{path}", params=query)
    return answer.status_code, answer.json()


def items(answer):
    return [item["item"] for item in answer["items"]]


@pytest.mark.parametrize("line, says", [
    ('stages = ["personal", "dpq"]', ["stage 2 ('dpq')", "did you mean 'dpp'"]),
    ('stages = ["personal quota=-1"]', ["personal.quota", "between 1 and 10000"]),
    ('stages = ["personal weight=inf"]', ["personal.weight"]),
    ('stages = ["dpp", "personal"]', ["first come filters"]),
    ("stages = [\"where expression='categori = 1'\", \"personal\"]", ["did you mean 'category'"]),
    ("stages = [\"personal\", \"formula score='unit(personal'\"]", ["byte 14", "')' is expected"]),
    ("stages = [\"personal\", \"pin items=a places=0\"]", ["'0' is no place"]),
    ("places = 5000", ["1 to 500"]),
    ("stage = []", ["did you mean 'stages'"]),
])
def test_a_wrong_pipeline_is_named_with_file_and_line(tmp_path, line, says):
    file = tmp_path / "palate.toml"
    file.write_text(f"# a comment\n[pipelines.mine]\n{line}\n")
    done = run("check", "--config", file)
    assert done.returncode == 2 and str(file) in done.stderr, done.stderr
    for text in says:
        assert text in done.stderr, done.stderr


def test_a_pipeline_that_is_not_there(tmp_path):
    for text, says in [('[recommend]\npipeline = "hom"\n', "recommend.pipeline"), ("[shelves.home]\nrows = [\"fed title=x\"]\n", "shelves.home")]:
        (tmp_path / "palate.toml").write_text(text)
        done = run("check", "--config", tmp_path / "palate.toml")
        assert done.returncode == 2 and says in done.stderr, done.stderr


def test_the_reference_is_that_of_the_program():
    page = ROOT / "docs/reference/pipelines.md"
    assert page.read_text() == run("pipeline", "--reference").stdout, "palate pipeline --reference > docs/reference/pipelines.md"


def test_pipelines_are_shown(server, config):
    status, answer = get(server, "/v1/pipelines")
    assert status == 200 and answer["default"] == "home" and answer["by_request"]
    assert {"plain", "feed", "home", "hurried"} <= {one["name"] for one in answer["pipelines"]}
    home = run_json("pipeline", "home", "--config", config)
    assert [stage["kind"] for stage in home["stages"]] == ["personal", "popular", "formula", "spread", "pin"]
    assert "home (answers)" in run("pipeline", "--config", config).stdout


def test_the_configured_pipeline_answers_and_says_what_it_did(server):
    status, answer = get(server, "/v1/recommendations", user="u00001", n=10, trace="true")
    assert status == 200 and answer["pipeline"] == "home" and answer["level"] == "full"
    assert items(answer)[1] == "i00007" and "pin" in answer["items"][1]["proposed_by"]
    assert [stage["stage"] for stage in answer["trace"]] == ["personal", "popular", "formula", "spread", "pin"]
    assert all(stage["state"] == "ran" and stage["us"] > 0 for stage in answer["trace"])
    first = answer["items"][0]
    assert [place["stage"] for place in first["places"]] == ["formula", "spread", "pin"] and first["places"][-1]["place"] == 1
    _, plain = get(server, "/v1/recommendations", user="u00001", n=10, pipeline="plain")
    assert items(plain) != items(answer) and "level" in plain


def test_pages_are_one_list(server):
    for pipeline in ("home", "drawn", "feed"):
        seen, cursor = [], {}
        for _ in range(40):
            status, answer = get(server, "/v1/recommendations", user="u00002", n=7, pipeline=pipeline, **cursor)
            assert status == 200, answer
            seen += items(answer)
            if "cursor" not in answer:
                break
            cursor = {"cursor": answer["cursor"]}
        assert len(set(seen)) == len(seen) > 100, pipeline


def test_a_cursor_that_was_changed_is_refused(server):
    _, answer = get(server, "/v1/recommendations", user="u00002", n=7)
    raw = bytearray(base64.urlsafe_b64decode(answer["cursor"] + "=" * (-len(answer["cursor"]) % 4)))
    raw[20] ^= 1
    forged = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    for cursor in (forged, answer["cursor"][:-4], "x" * 12_288, "x" * 12_289, "\xff\xff"):
        status, problem = get(server, "/v1/recommendations", user="u00002", n=7, cursor=cursor)
        assert status == 400 and "cursor" in problem["detail"], problem
    for other in ({"user": "u00003"}, {"user": "u00002", "pipeline": "plain"}):
        status, problem = get(server, "/v1/recommendations", n=7, cursor=answer["cursor"], **other)
        assert status == 400 and "another" in problem["detail"], problem


def test_when_the_time_is_up_less_is_done(server):
    _, answer = get(server, "/v1/recommendations", user="u00001", pipeline="hurried", trace="true")
    assert answer["level"] == "retrieved" and len(answer["items"]) == 10
    assert [stage["state"].split(":")[0] for stage in answer["trace"]] == ["ran", "skipped", "skipped"]
    metrics = httpx.get(f"{server.url}/metrics").text
    assert 'palate_pipeline_answers_total{level="retrieved",pipeline="hurried",tenant="default"} 1' in metrics, metrics


def test_a_stage_that_fails_is_left_out(server):
    status, answer = get(server, "/v1/recommendations", user="u00001", pipeline="broken", trace="true")
    assert status == 200 and len(answer["items"]) == 10
    states = [stage["state"] for stage in answer["trace"]]
    assert states[0] == "ran" and "counters" in states[1] and "no model 'nothing'" in states[2], states
    metrics = httpx.get(f"{server.url}/metrics").text
    assert 'palate_pipeline_stage_failures_total{pipeline="broken",place="2",stage="trending",tenant="default"} 1' in metrics


def test_chance_says_how_likely_it_was(server):
    lists = set()
    for _ in range(5):
        _, answer = get(server, "/v1/recommendations", user="u00001", pipeline="drawn", n=10)
        assert all(0 < item["propensity"] < 1 for item in answer["items"])
        lists.add(tuple(items(answer)))
    assert len(lists) > 1


def test_what_is_paid_for_says_so(server):
    _, answer = get(server, "/v1/recommendations", user="u00002", pipeline="paid", n=5)
    assert [item["item"] for item in answer["items"] if "sponsored" in item] == ["i00007"]
    assert answer["items"][1]["sponsored"] is True


def test_similar_users_are_told_only_where_that_is_switched_on(server, small_world, tmp_path):
    status, problem = get(server, "/v1/similar-users", user="u00001")
    assert status == 403 and "recommend.similar_users" in problem["detail"], problem
    shutil.copytree(small_world, tmp_path / "data")
    open_one = Server(tmp_path / "data", "--recommend.similar_users", "true").wait_ready()
    try:
        assert get(open_one, "/v1/similar-users", user="u00004")[0] == 409
        likes = [{"type": "like", "user": "u00001", "item": f"i{n:05}"} for n in range(1, 13)]
        assert open_one.client.post("/v1/events", json=likes).status_code == 200
        status, answer = get(open_one, "/v1/similar-users", user="u00001", n=5)
        assert status == 200 and 0 < len(answer["users"]) <= 5 and answer["compared"] >= len(answer["users"]), answer
        assert "u00001" not in [user["user"] for user in answer["users"]]
        profile = {"id": answer["users"][0]["user"], "personalization": False}
        assert open_one.client.post("/v1/users", json=profile).status_code == 200
        _, after = get(open_one, "/v1/similar-users", user="u00001", n=50)
        assert profile["id"] not in [user["user"] for user in after["users"]]
        assert get(open_one, "/v1/similar-users", user=profile["id"])[0] == 403
        assert get(open_one, "/v1/similar-users", user="nobody")[0] == 404
        assert get(open_one, "/v1/similar-users")[0] == 400
    finally:
        open_one.stop()


def test_trends_of_a_region(small_world, config, tmp_path):
    shutil.copytree(small_world, tmp_path / "data")
    text = "[features]\ncounters = true\nlocal_trends = true\nregion_key = \"country\"\nshown = 50\n"
    pipelines = """
[pipelines.near]
stages = ["trending by=region refresh_s=0", "popular"]
[pipelines.capped]
stages = ["cap times=2 days=1", "popular"]
"""
    (tmp_path / "palate.toml").write_text(text + pipelines)
    server = Server(tmp_path / "data", "--config", tmp_path / "palate.toml").wait_ready()
    try:
        before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)
        there = {"type": "like", "context": {"country": "IS"}}
        likes = [{**there, "user": f"fan-{i}", "item": "i00021", "ts": before.isoformat()} for i in range(20)]
        likes += [{**there, "user": f"fan-{i}", "item": "i00020"} for i in range(40)]
        shown = [{"type": "impression", "user": "fan-0", "item": "i00030", "request_id": "r", "slot": i} for i in range(2)]
        position = server.client.post("/v1/events", json=likes + shown).json()["position"]
        near = {"pipeline": "near", "after": position, "trace": "true"}
        _, there = get(server, "/v1/recommendations", context='{"country":"IS"}', **near)
        assert items(there)[0] == "i00020" and "1 trend there" in there["trace"][0]["note"], there
        _, capped = get(server, "/v1/recommendations", user="fan-0", pipeline="capped", n=1000, after=position)
        _, open_to_all = get(server, "/v1/recommendations", user="fan-1", pipeline="capped", n=1000, after=position)
        assert "i00030" not in items(capped) and "i00030" in items(open_to_all)
    finally:
        server.stop()


def test_shelves_share_no_item(server):
    status, answer = get(server, "/v1/shelves", page="start", user="u00001")
    assert status == 200 and [shelf["title"] for shelf in answer["shelves"]] == ["For you", "New", "Many"]
    shown = [item for shelf in answer["shelves"] for item in items(shelf["slate"])]
    assert len(shown) == len(set(shown)) == 15
    assert get(server, "/v1/shelves", page="strat")[0] == 404
    assert get(server, "/v1/shelves", page="start", n=3)[0] == 400


def test_explain_and_the_shell_follow_the_pipeline(server, config):
    _, answer = get(server, "/v1/recommendations", user="u00001", n=3)
    status, told = get(server, "/v1/explain", user="u00001", item=answer["items"][2]["item"])
    assert status == 200 and told["place"] == 3 and told["pipeline"] == "home" and told["places"][-1]["place"] == 3
    data = config.parent / "data"
    slate = run_json("recommend", "u00001", "--data", data, "--config", config, "-n", "3", "--trace")
    assert [item["item"] for item in slate["items"]] == items(answer) and len(slate["trace"]) == 5
    assert "proposed by" in run("explain", "u00001", answer["items"][0]["item"], "--data", data, "--config", config).stdout


def test_requests_may_be_kept_from_choosing(small_world, tmp_path):
    shutil.copytree(small_world, tmp_path / "data")
    server = Server(tmp_path / "data", "--recommend.pipeline_by_request", "false").wait_ready()
    try:
        for query in ({"pipeline": "feed"}, {"trace": "true"}):
            status, problem = get(server, "/v1/recommendations", user="u00001", **query)
            assert status == 400 and "pipeline_by_request" in problem["detail"]
        assert get(server, "/v1/recommendations", user="u00001")[0] == 200
    finally:
        server.stop()
