"""Schemathesis: whatever the served OpenAPI document allows is answered as it says, and whatever it forbids is refused."""

import datetime

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

EXAMPLES_MAX = 60
NOW = datetime.datetime.now(datetime.timezone.utc)

# Times that the document cannot bound: 1970 to now.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime.datetime(1970, 1, 2), NOW.replace(tzinfo=None)).map(lambda time: time.isoformat() + "Z"),
)


@pytest.fixture(scope="module")
def url(small_world, tmp_path_factory):
    """A server on a copy of the small world."""
    import shutil

    from conftest import Server

    data = tmp_path_factory.mktemp("schema") / "data"
    shutil.copytree(small_world, data)
    server = Server(data, "--serve.after_wait_ms_max", "5").wait_ready()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def api(url):
    return schemathesis.openapi.from_url(url + "/openapi.json")


schema = schemathesis.pytest.from_fixture("api")


def to_the_past(value):
    """Integer times of events that lie ahead of the server's clock: the document cannot say where that begins."""
    if isinstance(value, dict):
        ts = value.get("ts")
        if isinstance(ts, int) and not isinstance(ts, bool) and ts > 0:
            value["ts"] = ts % int(NOW.timestamp() * 1e6)
        for inner in value.values():
            to_the_past(inner)
    elif isinstance(value, list):
        for inner in value:
            to_the_past(inner)


def names_nothing(case):
    """What is well-formed but names a category or a page that does not exist: 400 and 409 are right, and tested elsewhere."""
    for place in (case.query, case.body):
        if isinstance(place, dict):
            for name in ("categories", "cursor"):
                place.pop(name, None)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES_MAX,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_document_is_the_contract(case):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        names_nothing(case)
        to_the_past(case.body)
    case.call_and_validate()
