"""The built program, as tests run it from outside: PALATE_BIN, a data directory, a server on a free port."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("PALATE_BIN", str(ROOT / "build" / "dev" / "bin" / "palate"))
TRAIN = pathlib.Path(os.environ.get("PALATE_TRAIN", pathlib.Path(BIN).parent / "palate-train"))  # not there without LibTorch
SHARED = pathlib.Path(os.environ.get("PALATE_SHARED", ROOT.parent / "shared"))


def run(*arguments, cwd=None, env=None, timeout=120):
    """Runs palate to its end; stdout, stderr and returncode of what came out."""
    return subprocess.run(
        [BIN, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})}
    )


def run_json(*arguments, **options):
    done = run(*arguments, "--json", **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shared(*parts):
    """A file of the shared data, or a skip that says what is missing."""
    path = SHARED.joinpath("data", *parts)
    if not path.exists():
        pytest.skip(f"the shared data is not here ({'/'.join(parts)})")
    return path


class Server:
    """palate serve on a free port, until stop()."""

    def __init__(self, data, *arguments):
        self.log = open(pathlib.Path(data).parent / "serve.log", "w+")
        self.process = subprocess.Popen(
            [BIN, "serve", "--data", str(data), "--port", "0", *map(str, arguments)], stdout=self.log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"on (http://\S+)", self.output())
            if found:
                self.url = found[1]
                self.client = httpx.Client(base_url=self.url, timeout=10)
                return
            time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.output()}")

    def output(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def wait_ready(self, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.client.get("/readyz").status_code == 200:
                return self
            time.sleep(0.02)
        raise AssertionError("not ready: " + self.client.get("/readyz").text)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=30)


@pytest.fixture
def serve():
    """A function that starts servers; those still up at the end are stopped."""
    started = []

    def start(data, *arguments):
        started.append(Server(data, *arguments))
        return started[-1]

    yield start
    for server in started:
        server.stop()


SMALL = ("--simulate.users", "300", "--simulate.items", "200", "--simulate.days", "10")


@pytest.fixture(scope="session")
def small_world(tmp_path_factory):
    """A trained data directory to be copied from, not written to."""
    data = tmp_path_factory.mktemp("world") / "data"
    done = run("simulate", "--data", data, *SMALL)
    assert done.returncode == 0, done.stderr
    done = run("train", "--data", data)
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture
def world(small_world, tmp_path):
    """A trained data directory of the test's own."""
    data = tmp_path / "data"
    subprocess.run(["cp", "-r", str(small_world), str(data)], check=True)
    return data
