"""Measures the built program on real paths and prints Markdown. See bench/run."""
import argparse
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BIN = os.environ["PALATE_BIN"]
HERE = pathlib.Path(__file__).resolve().parent


def palate(*arguments):
    """Runs palate to its end: its JSON, wall seconds, CPU seconds, peak MiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    process = subprocess.Popen([BIN, *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"palate {' '.join(map(str, arguments))} failed")
    return json.loads(out), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Server:
    def __init__(self, data):
        self.log = tempfile.NamedTemporaryFile("w+")
        self.process = subprocess.Popen([BIN, "serve", "--data", str(data), "--port", "0"], stdout=self.log, stderr=self.log)
        while True:
            text = pathlib.Path(self.log.name).read_text()
            if found := re.search(r"on http://([\d.]+):(\d+)", text):
                break
            if self.process.poll() is not None:
                sys.exit("palate serve ended: " + text)
            time.sleep(0.02)
        self.host, self.port = found[1], int(found[2])
        self.client = http.client.HTTPConnection(self.host, self.port)
        while self.get("/readyz")[0] != 200:
            time.sleep(0.02)

    def request(self, method, path, body=None):
        self.client.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = self.client.getresponse()
        return answer.status, answer.read()

    def get(self, path):
        return self.request("GET", path)

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def wrk(server, path_lua, seconds):
    """Requests per second and p99 in ms of one wrk thread with 16 connections."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'local n = 0\nrequest = function() n = n + 1 return wrk.format("GET", {path_lua}) end\n')
        script.flush()
        out = subprocess.run(
            ["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", "-s", script.name, f"http://{server.host}:{server.port}"],
            check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out:
        sys.exit("wrk got errors:\n" + out)
    p99, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), float(p99) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def freshness(server, rounds):
    """Milliseconds from sending an event to having read an answer that differs, over one kept-alive connection."""
    times, changed = [], 0
    for n in range(rounds):
        user, item = 1 + n * 37 % 5000, 1 + n * 101 % 1500
        path = f"/v1/recommendations?user={user}&n=20"
        _, before = server.get(path)
        event = json.dumps({"type": "like", "user": str(user), "item": str(item)})
        start = time.monotonic()
        status, receipt = server.request("POST", "/v1/events", event)
        _, after = server.get(path)
        times.append((time.monotonic() - start) * 1e3)
        assert status == 200, receipt
        names = [[i["item"] for i in json.loads(answer)["items"]] for answer in (before, after)]
        assert str(item) not in names[1], "what was consumed comes back"
        changed += names[0] != names[1]
    return statistics.median(times), sorted(times)[int(len(times) * 0.99)], changed / rounds


def ingest_rate(server, batches):
    """Durable events per second over HTTP in batches of 100, one connection."""
    events = 0
    start = time.monotonic()
    for n in range(batches):
        batch = [{"type": "click", "user": f"b{n}-{k % 10}", "item": str(1 + (n * 7 + k) % 1500)} for k in range(100)]
        status, receipt = server.request("POST", "/v1/events", json.dumps({"events": batch}))
        assert status == 200, receipt
        events += json.loads(receipt)["accepted"]
    return events / (time.monotonic() - start)


def measure(shape, seconds, work):
    csv = work / f"{shape}.csv"
    subprocess.run([sys.executable, HERE / "shape.py", shape, csv], check=True)
    data = work / "data"
    rows = []
    done, wall, cpu, peak = palate("import", csv, "--data", data)
    rows.append((f"import CSV, {done['events']['rows']:,} rows, whole command", f"{done['events']['rows'] / wall / 1e6:.2f} M rows/s",
                 f"{wall:.1f} s, {cpu:.1f} CPU s, peak {peak:.0f} MiB"))
    start = time.monotonic()
    import pandas
    assert len(pandas.read_csv(csv)) == done["events"]["rows"]
    rows.append(("… pandas parsing the same file, nothing else", f"{done['events']['rows'] / (time.monotonic() - start) / 1e6:.2f} M rows/s", ""))
    trained, wall, cpu, peak = palate("train", "--data", data)
    als = next(model for model in trained["models"] if model["kind"] == "als")
    rows.append((f"train, {trained['interactions']:,} interactions, als 64 factors", f"{wall:.1f} s",
                 f"dataset {trained['dataset_seconds']:.2f} s, als {als['seconds']:.1f} s, peak {peak:.0f} MiB"))
    _, wall, cpu, peak = palate("evaluate", "--data", data, "--k", "20")
    rows.append(("evaluate: train on 90 %, rank the full catalogue, intervals", f"{wall:.1f} s", f"peak {peak:.0f} MiB"))
    server = Server(data)
    rate, p99 = wrk(server, '"/v1/recommendations?n=10&user=" .. (n * 7919 % 5000 + 1)', seconds)
    constant, _ = wrk(server, '"/healthz"', seconds)
    rows.append((f"personal top-10 of {trained['items']:,} items over HTTP, wrk on the same cores", f"{rate:,.0f} requests/s",
                 f"p99 {p99:.1f} ms under full load; a constant body: {constant:,.0f}/s"))
    median, p99, changed = freshness(server, 300)
    rows.append(("event sent to changed answer read", f"{median:.1f} ms p50, {p99:.1f} ms p99", f"top 20 differs in {changed:.0%}"))
    rows.append(("events over HTTP, batches of 100, durable, one connection", f"{ingest_rate(server, 300):,.0f} events/s", ""))
    rows.append(("resident memory of the server", f"{server.resident_mib():.0f} MiB", ""))
    server.stop()
    return rows


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data, under a minute")
    parser.add_argument("--als", action="store_true", help="also bench/als/peer.py beside implicit and irspack")
    parser.add_argument("--out", help="also write the table to this file")
    arguments = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="palate-bench-"))
    try:
        shape = "small" if arguments.quick else "goodbooks"
        rows = measure(shape, 2 if arguments.quick else 8, work)
        table = f"| {shape} shape | | |\n|---|--:|---|\n" + "".join(f"| {a} | {b} | {c} |\n" for a, b, c in rows)
        print(table)
        if arguments.out:
            pathlib.Path(arguments.out).write_text(table)
        if arguments.als:
            als_bench = pathlib.Path(BIN).parent / "als_bench"
            subprocess.run([sys.executable, HERE / "als" / "peer.py", "--bench", als_bench, "--csv", work / f"{shape}.csv"], check=True)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
