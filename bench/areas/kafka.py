"""Events over HTTP into Kafka and from there into the state, with client, broker and follower on the same cores."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import harness
from harness import Row, Server, Wrong, palate

sys.path.append(str(harness.HERE.parent / "tests" / "kafka"))
from broker import Broker, have_java  # noqa: E402

WORLD = ("--simulate.users=5000", "--simulate.items=2000", "--simulate.days=5")
BATCH = 100
BAR = 50_000  # events/s end to end


def flags(broker, group):
    return ("--log.kind=kafka", f"--kafka.brokers={broker.address}", f"--kafka.group={group}", "--kafka.partitions=4",
            "--data.state_delay_ms=1000")


def positions(server):
    """Up to where each partition of events is folded, by the server's metrics."""
    text = server.request("GET", "/metrics")[1].decode()
    found = re.findall(r'palate_position\{([^}]*stream="events"[^}]*)\} (\S+)', text)
    return {int(re.search(r'partition="(\d+)"', labels)[1]): float(offset) for labels, offset in found}


def wait_folded(server, wanted, seconds=60):
    deadline = time.monotonic() + seconds
    while any(positions(server).get(partition, 0) < offset for partition, offset in wanted.items()):
        if time.monotonic() > deadline:
            raise Wrong(f"not folded in {seconds} s: {positions(server)} of {wanted}")
        time.sleep(0.005)


def last_batch(server):
    """One event for each of many users, whose acknowledgement names the end of every partition."""
    events = [{"type": "click", "user": f"u{n:05}", "item": "i00001"} for n in range(1, 201)]
    status, deadline = 503, time.monotonic() + 30
    while status in (429, 503) and time.monotonic() < deadline:  # until it has found the broker
        status, body = server.request("POST", "/v1/events", json.dumps({"events": events}))
    if status != 200:
        raise Wrong(f"the last batch was answered {status}: {body}")
    places = re.findall(r"events/(\d+)@(\d+)", json.loads(body)["position"])
    return {int(partition): int(offset) for partition, offset in places}


def cpu_s(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def end_to_end(context, broker, data):
    seconds = 3 if context.quick else 15
    with Server(data, *flags(broker, "serving")) as server:
        wait_folded(server, last_batch(server))
        began = time.monotonic()
        before = cpu_s(server.process), cpu_s(broker.process)
        report = palate("load", server.url, "--send=events", f"--batch={BATCH}", "--connections=8", f"--seconds={seconds}",
                        "--warmup=0").answer
        acknowledged = time.monotonic()
        used = cpu_s(server.process) - before[0], cpu_s(broker.process) - before[1]
        wait_folded(server, last_batch(server))
        folded = time.monotonic()
        if report["refused"] or report["broken"] or report["timed_out"]:
            raise Wrong(f"under load: {report}")
        events = report["answered"] * BATCH
    wall = acknowledged - began
    durable = Row("kafka: client to durable in the broker, batches of 100", events / wall, "events/s",
                  f"while the same server follows and folds; CPU s: server {used[0]:.1f}, broker {used[1]:.1f} in {wall:.0f} s")
    whole = Row("kafka: client to folded, end to end", events / (folded - began), "events/s",
                f"{events:,} events; folded {1e3 * (folded - acknowledged):.0f} ms after the last acknowledgement", bar=None if context.quick else BAR)
    return events, [durable, whole]


def follow(context, broker, events):
    """A process that has never seen the topics takes in everything that is there."""
    data = context.work / "kafka-follower"
    began = time.monotonic()
    process = subprocess.Popen([harness.BIN, "consume", "--data", data, "--json", *flags(broker, "following")], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    error = ""
    # It says what it has folded when it is asked to stop; until then its own report of being up to date is waited for.
    while "caught up" not in error:
        line = process.stderr.readline()
        if not line:
            raise Wrong(f"palate consume ended: {error}")
        error += line
    seconds = time.monotonic() - began
    process.send_signal(signal.SIGTERM)
    logged = json.loads(process.communicate()[0])["folded"]
    if logged < events:
        raise Wrong(f"{logged} of {events} events were folded")
    return Row("kafka: broker to folded", logged / seconds, "events/s", f"{logged:,} events into an empty data directory, its opening included")


def measure(context):
    if not have_java():
        print("bench: no Java here, so no Kafka broker: nothing was measured", file=sys.stderr)
        return []
    data = context.work / "kafka-data"
    palate("simulate", "--data", data, *WORLD)
    palate("train", "--data", data)
    with Broker() as broker:
        events, rows = end_to_end(context, broker, data)
        return [*rows, follow(context, broker, events)]
