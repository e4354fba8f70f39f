"""What every area of the benchmark needs: running palate, a server, wrk, data of a shape, and the rows of the table."""
import dataclasses
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("PALATE_BIN", HERE.parent / "build" / "bench" / "bin" / "palate"))  # its neighbours are the *_bench programs


class Wrong(Exception):
    """An answer that a row checks was not right: the figure beside it means nothing."""


@dataclasses.dataclass
class Row:
    """One line of the table. `peer` did the same work in the same run; `limit` says how near the machine's own limit it is."""

    name: str
    value: float
    unit: str
    note: str = ""
    peer: str = ""
    peer_value: float | None = None
    limit: str = ""
    lower_is_better: bool = False
    bar: float | None = None  # the least (or, lower_is_better, the most) that the project promises

    @property
    def ratio(self):
        """How many times better than the peer; None without one."""
        if not self.peer_value:
            return None
        return self.peer_value / self.value if self.lower_is_better else self.value / self.peer_value

    @property
    def met(self):
        if self.bar is None:
            return None
        return self.value <= self.bar if self.lower_is_better else self.value >= self.bar


@dataclasses.dataclass
class Context:
    """What an area gets: a folder that is removed afterwards, and whether it has minutes or seconds."""

    work: pathlib.Path
    quick: bool
    drawings: pathlib.Path  # where pictures go; stays

    def csv(self, shape):
        """The path of a CSV with the size of a known data set (bench/shape.py), written once a run."""
        path = self.work / f"{shape}.csv"
        if not path.exists():
            subprocess.run([sys.executable, HERE / "shape.py", shape, path], check=True)
        return path

    def data(self, shape):
        """The path of a data directory with that shape imported and trained, made once a run."""
        path = self.work / f"{shape}-data"
        if not path.exists():
            palate("import", self.csv(shape), "--data", path)
            palate("train", "--data", path)
        return path


@dataclasses.dataclass
class Ran:
    answer: dict
    wall_s: float
    cpu_s: float
    peak_mib: float


# Linux counts the memory of who starts a program as the program's own peak, over exec and all: so somebody small has to. Ten MiB remain.
SPAWN = """
import json, os, sys, time
start = time.monotonic()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
ran = [os.waitstatus_to_exitcode(status), time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]
os.write(int(sys.argv[1]), json.dumps(ran).encode())
"""


def palate(*arguments):
    """Runs palate to its end with --json."""
    told, tell = os.pipe()
    command = [sys.executable, "-ISc", SPAWN, str(tell), str(BIN), *map(str, arguments), "--json"]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, pass_fds=[tell]).stdout
    os.close(tell)
    with open(told) as measured:
        code, wall_s, cpu_s, peak_mib = json.load(measured)
    if code != 0:
        raise Wrong(f"palate {' '.join(map(str, arguments))} ended with {code}")
    return Ran(json.loads(out), wall_s, cpu_s, peak_mib)


class Server:
    """palate serve on a port of its own; a context manager."""

    def __init__(self, data, *arguments):
        self.log = tempfile.NamedTemporaryFile("w+")
        command = [BIN, "serve", "--data", str(data), "--port", "0", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        while not (found := re.search(r"on http://([\d.]+):(\d+)", pathlib.Path(self.log.name).read_text())):
            if self.process.poll() is not None:
                raise Wrong("palate serve ended: " + pathlib.Path(self.log.name).read_text())
            time.sleep(0.02)
        self.host, self.port = found[1], int(found[2])
        self.url = f"http://{self.host}:{self.port}"
        self.client = http.client.HTTPConnection(self.host, self.port)
        while self.request("GET", "/readyz")[0] != 200:
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def request(self, method, path, body=None):
        self.client.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = self.client.getresponse()
        return answer.status, answer.read()

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def wrk(url, path_lua, seconds, connections=16):
    """Requests per second and p99 in ms of one wrk thread; closed loop, so the latency is that of full load."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'local n = 0\nrequest = function() n = n + 1 return wrk.format("GET", {path_lua}) end\n')
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, url]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out:
        raise Wrong("wrk got errors:\n" + out)
    p99, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), float(p99) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
