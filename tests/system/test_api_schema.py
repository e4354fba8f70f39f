"""Schemathesis: whatever the served OpenAPI document allows is answered as it says, and whatever it forbids is refused."""

import datetime
import json
import shutil

import pytest
import schemathesis
from conftest import ROOT, Server
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

EXAMPLES_MAX = 40
TOO_LARGE = (413, 431)  # refusals too, though Schemathesis does not count them
NOW = datetime.datetime.now(datetime.timezone.utc)

# Times that the document cannot bound: 1970 to now.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime.datetime(1970, 1, 2), NOW.replace(tzinfo=None)).map(lambda time: time.isoformat() + "Z"),
)

# Filter expressions (docs/reference/filter.md), but of attributes: of those the world has few.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8).map(json.dumps)
LISTED = st.sampled_from(["item", "category", "tag", "language", "region", "creator"])
COMPARISONS = st.one_of(
    st.builds("{} {} {}".format, LISTED, st.sampled_from(["=", "!="]), TEXTS),
    st.builds("{} {} [{}]".format, LISTED, st.sampled_from(["in", "not in"]), st.lists(TEXTS, min_size=1, max_size=3).map(", ".join)),
    st.builds("{} {} now - {}d".format, st.sampled_from(["released", "expires"]), st.sampled_from(["<", ">="]), st.integers(0, 999)),
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda inner: st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or", "and not"]), inner),
    max_leaves=6,
)
schemathesis.openapi.format("filter", FILTERS)


@pytest.fixture(scope="module")
def url(small_world, tmp_path_factory):
    """A server on a copy of the small world."""
    data = tmp_path_factory.mktemp("schema") / "data"
    shutil.copytree(small_world, data)
    server = Server(data, "--serve.after_wait_ms_max", "5").wait_ready()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def api(url):
    return schemathesis.openapi.from_url(url + "/openapi.json")


PATHS = json.loads((ROOT / "src/serve/openapi.json").read_text())["paths"]
OPERATIONS = [(method, path) for path, methods in PATHS.items() for method in methods]
WITH_INPUT = [(method, path) for method, path in OPERATIONS if PATHS[path][method].keys() & {"parameters", "requestBody"}]
FEW = settings(
    max_examples=EXAMPLES_MAX,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def as_the_words_say(value):
    """What the document says in words only: event times are not ahead of the clock, most events name an item, and whole
    numbers are written without a fraction (to JSON Schema 10.0 is an integer)."""
    if isinstance(value, list):
        for inner in value:
            as_the_words_say(inner)
    if not isinstance(value, dict):
        return
    for name in ("ts", "released", "expires", "slot", "n", "explain"):
        if isinstance(value.get(name), float) and value[name].is_integer():
            value[name] = int(value[name])
    if isinstance(value.get("ts"), int):
        value["ts"] = 10**14 + value["ts"] % (int(NOW.timestamp() * 1e6) - 10**14)
    if "type" in value and "user" in value and not value.get("item"):
        value["item"] = "i1"
    for inner in value.values():
        as_the_words_say(inner)


def names_nothing(case):
    """What is well-formed but names a category, a pipeline or a page that does not exist: 400 and 409 are right, and tested elsewhere."""
    for place in (case.query, case.body):
        if isinstance(place, dict):
            for name in ("categories", "cursor", "pipeline"):
                place.pop(name, None)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_the_document_allows_is_answered(api, method, path):
    @FEW
    @given(case=api[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def check(case):
        names_nothing(case)
        as_the_words_say(case.body)
        case.call_and_validate()

    check()


@pytest.mark.parametrize(("method", "path"), WITH_INPUT)
def test_what_the_document_forbids_is_refused(api, method, path):
    @FEW
    @given(case=api[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case):
        if isinstance(case.query, dict):
            case.query.pop("partial", None)  # stores what is valid of a wrong batch, by design
        answer = case.call()
        if answer.status_code in TOO_LARGE:
            assert answer.headers["content-type"][0] == "application/problem+json"
        else:
            case.validate_response(answer)

    check()
