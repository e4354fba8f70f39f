"""palate on a real Kafka broker: serving, consuming, a team's own topic, and what happens when brokers and processes fail.

One broker for all of it. What was acknowledged is held against the state that a single pass over it gives. The seed is printed;
PALATE_KAFKA_SEED replays it, PALATE_FAULTS_LONG=1 runs the long form.
"""

import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from confluent_kafka import Producer as RawProducer
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "kafka"), str(ROOT / "tests" / "faults")]
from broker import NO_JAVA, Broker, have_java  # noqa: E402
from program import BIN, Client, Server, begin, command, is_kept, json_of, verify  # noqa: E402

LONG = bool(os.environ.get("PALATE_FAULTS_LONG"))
SEED = int(os.environ.get("PALATE_KAFKA_SEED", random.SystemRandom().randrange(1 << 30) if LONG else 20261121))

pytestmark = pytest.mark.skipif(not have_java(), reason=NO_JAVA)


@pytest.fixture(scope="session")
def broker():
    with Broker() as running:
        yield running


class Producer:
    """Raw messages into topics, as another program writes them."""

    def __init__(self, broker):
        self.settings = {"bootstrap.servers": broker.address}
        self.raw = RawProducer(self.settings)

    def create(self, topic, partitions):
        admin = AdminClient(self.settings)
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()

    def send(self, topic, partition, payload):
        self.raw.produce(topic, payload, partition=partition)

    def flush(self):
        assert self.raw.flush(30) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.flush()


class Cluster:
    """Topics of a test's own, and the processes that follow them."""

    def __init__(self, broker, folder, name):
        self.broker, self.folder, self.name, self.running = broker, folder, name, []

    def flags(self, group="one", **more):
        settings = {"log.kind": "kafka", "kafka.brokers": self.broker.address, "kafka.prefix": self.name, "kafka.group": f"{self.name}-{group}",
                    "kafka.partitions": 4, "kafka.session_ms": 3000, "kafka.timeout_ms": 5000, **more}
        return [f"--{key}={value}" for key, value in settings.items()]

    def data(self, name):
        return self.folder / name / "data"

    def serve(self, name="a", *arguments, faults=None, **options):
        self.data(name).parent.mkdir(exist_ok=True)
        server = Server(self.data(name), *self.flags(**options), *arguments, faults=faults)
        assert server.port or faults, server.output()
        self.running.append(server)
        return server

    def consume(self, name, **options):
        self.data(name).parent.mkdir(exist_ok=True)
        process = begin("consume", "--data", self.data(name), *self.flags(**options))
        self.running.append(process)
        return process

    def close(self):
        for one in self.running:
            process = getattr(one, "process", one)
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def cluster(broker, tmp_path, request):
    made = Cluster(broker, tmp_path, "".join(c if c.isalnum() else "-" for c in request.node.name))
    yield made
    made.close()


def wait_until(what, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def post(client, path, body):
    """Until it is taken: what a client does that is told to come again."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status, answer = client.ask(path, body)
        if status == 200:
            return answer
        assert status in (429, 503), answer
        time.sleep(0.1)
    raise AssertionError(f"not taken: {answer}")


def make_events(dice, count, name, users=40):
    """Events with ids; ts jumps to and fro."""
    kinds = ("like", "like", "dislike", "rating", "impression", "purchase")
    events = []
    for number in range(count):
        kind = dice.choice(kinds)
        event = {"event_id": f"{name}-{number}", "type": kind, "user": f"{name}-{dice.randrange(users)}",
                 "item": f"item-{dice.randrange(200)}", "ts": 1_700_000_000_000_000 + dice.randrange(10**12)}
        if kind == "rating":
            event["value"] = dice.randrange(1, 6)
        events.append(event)
    return events


def histories(events):
    """What a single pass makes of events: by user, in order, those that say something about taste."""
    expected = {}
    for event in events:
        if is_kept(event):
            expected.setdefault(event["user"], []).append((event["item"], event["type"]))
    return expected


def check(client, events, seconds=30):
    """The server's state is that of exactly these events, each once and each user's in order."""
    for user, wanted in histories(events).items():
        there = None

        def same(user=user, wanted=wanted):
            nonlocal there
            status, answer = client.ask(f"/v1/users/{user}?history=500")
            there = [(e["item"], e["type"]) for e in reversed(answer["history"])] if status == 200 else []
            return there == wanted

        try:
            wait_until(same, seconds)
        except AssertionError:
            raise AssertionError(f"seed {SEED}: {user} has {there}, not {wanted}") from None


# ---- serving ----------------------------------------------------------------------------------------------------------------


def test_what_is_acknowledged_is_in_the_answer_that_waits_for_it(cluster):
    server = cluster.serve()
    client = Client(server.port)
    events = make_events(random.Random(1), 300, "u")
    answer = post(client, "/v1/events", {"events": events})
    assert answer["accepted"] == 300 and "@" in answer["position"] and "," in answer["position"], answer
    check(client, events)
    assert post(client, "/v1/items", [{"id": "film", "categories": ["films"]}])["position"].startswith("items/0@")
    post(client, "/v1/users", [{"id": "u-1", "region": "EU"}])
    wait_until(lambda: client.ask("/v1/users/u-1")[1]["profile"])
    wait_until(lambda: client.ask("/v1/items/film")[0] == 200)
    # The same events again, as a client that heard nothing sends them: each counts once.
    post(client, "/v1/events", {"events": events})
    again = make_events(random.Random(2), 10, "v")
    post(client, "/v1/events", {"events": again})
    check(client, events + again)
    assert server.stop() == 0
    found = verify(cluster.data("a"))
    assert found["events"] == 310, found


def test_a_second_replica_shares_the_partitions_and_takes_them_over(cluster):
    first = cluster.serve("a")
    client = Client(first.port)
    before = make_events(random.Random(3), 200, "u")
    post(client, "/v1/events", {"events": before})
    check(client, before)
    second = cluster.serve("b")
    wait_until(lambda: "following 2 of the partitions" in second.output())
    after = make_events(random.Random(4), 200, "w")
    post(Client(second.port), "/v1/events", {"events": after})
    everything = histories(before + after)
    both = (client, Client(second.port))

    def somebody_has(user, wanted):
        found = [c.ask(f"/v1/users/{user}?history=500") for c in both]
        return any(s == 200 and [(e["item"], e["type"]) for e in reversed(a["history"])] == wanted for s, a in found)

    for user, wanted in everything.items():
        wait_until(lambda user=user, wanted=wanted: somebody_has(user, wanted))
    # Its partitions go to the one that is left, which reads them from where it was itself.
    second.stop(signal.SIGKILL)
    check(client, before + after, 40)
    verify(cluster.data("a"))


def test_who_is_forgotten_does_not_come_back_from_the_topics(cluster):
    server = cluster.serve()
    client = Client(server.port)
    events = make_events(random.Random(9), 500, "u")
    post(client, "/v1/events", {"events": events})  # acknowledged, and perhaps not followed yet
    gone = events[-1]["user"]
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/v1/users/{gone}", method="DELETE")
    assert json.load(urllib.request.urlopen(request, timeout=30)) == {"forgotten": 1}
    check(client, [event for event in events if event["user"] != gone])
    assert client.ask(f"/v1/users/{gone}")[0] == 404
    assert server.stop() == 0
    verify(cluster.data("a"))  # which reads the topics, where they are still


def test_a_broker_that_is_away_at_the_start_is_waited_for(cluster, broker):
    cluster.serve("a").stop()  # the topics
    broker.kill()
    try:
        server = cluster.serve("a")
        client = Client(server.port)
        status, answer = client.ask("/v1/events", {"events": make_events(random.Random(5), 3, "u")})
        assert status == 503 and broker.address in answer["detail"], answer
    finally:
        broker.start()
    events = make_events(random.Random(5), 3, "u")
    post(client, "/v1/events", {"events": events})
    check(client, events)


def test_the_example_of_a_configuration_runs(broker, tmp_path):
    example = ROOT / "deploy" / "palate-kafka.toml"
    data = tmp_path / "data"
    server = Server(data, "--config", example, f"--kafka.brokers={broker.address}")
    events = make_events(random.Random(7), 20, "d")
    post(Client(server.port), "/v1/events", {"events": events})
    check(Client(server.port), events)
    assert server.stop() == 0


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
def test_systemd_understands_the_unit(tmp_path):
    unit = tmp_path / "palate.service"
    text = (ROOT / "deploy" / "palate.service").read_text()
    unit.write_text(text.replace("/usr/bin/palate", BIN))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert "palate.service" not in done.stdout + done.stderr, done.stderr


# ---- importing ----------------------------------------------------------------------------------------------------------------


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def import_files(cluster, *arguments):
    return json_of("import", *arguments, "--data", cluster.data("import"), *cluster.flags())


def in_time(events):
    return sorted(events, key=lambda event: event["ts"])


def test_files_go_into_the_topics_once(cluster, tmp_path):
    """Events with and without names, items and users; the same files again and a second directory add nothing."""
    cluster.data("import").parent.mkdir(exist_ok=True)
    server = cluster.serve()
    client = Client(server.port)
    events = make_events(random.Random(11), 600, "u")
    for event in events[::2]:
        del event["event_id"]
    file = write_lines(tmp_path / "e.jsonl", [*events, {"type": "no-such-type", "user": "u", "item": "i"}])
    items = write_lines(tmp_path / "i.jsonl", [{"id": f"item-{n}", "title": f"Title {n}"} for n in range(50)])
    users = write_lines(tmp_path / "u.jsonl", [{"id": "u-1", "region": "EU"}])
    done = import_files(cluster, "--events", file, "--items", items, "--users", users)
    assert done["events"]["accepted"] == 600 and done["items"]["accepted"] == 50 and done["users"]["accepted"] == 1, done
    assert done["events"]["rejected"] == 1, done
    check(client, in_time(events))
    wait_until(lambda: "Title 7" in json.dumps(client.ask("/v1/items/item-7")[1]))
    wait_until(lambda: client.ask("/v1/users/u-1")[1]["profile"])
    again = import_files(cluster, file)
    assert again["events"]["accepted"] == 0 and again["events"]["duplicates"] == 600, again
    shutil.rmtree(cluster.data("import"))  # who no longer knows sends it again, and it counts once
    assert import_files(cluster, file)["events"]["accepted"] == 600
    later = make_events(random.Random(12), 20, "v")
    post(client, "/v1/events", {"events": later})
    check(client, in_time(events) + later)
    assert server.stop() == 0
    found = verify(cluster.data("a"))
    assert found["events"] == 620 and found["repeated"] == 0, found


def test_an_import_goes_on_behind_a_kill_and_brokers_that_are_away(cluster, broker, tmp_path):
    cluster.data("import").parent.mkdir(exist_ok=True)
    server = cluster.serve()
    events = in_time(make_events(random.Random(13), 150_000, "u", 3000))
    file = write_lines(tmp_path / "e.jsonl", events)
    flags = ["--data", cluster.data("import"), *cluster.flags(**{"kafka.queue_events_max": 1000})]
    killed = begin("import", file, *flags)
    wait_until(lambda: first_positions(cluster, server), 60)
    killed.kill()
    killed.wait()
    broker.kill()
    try:
        refused = command("import", file, *flags)
        assert refused.returncode != 0 and broker.address in refused.stderr, refused.stderr
    finally:
        broker.start()
    whole = begin("import", file, *flags)
    time.sleep(1)
    broker.kill()  # while it writes, or about there
    time.sleep(1)
    broker.start()
    code = whole.wait(timeout=120)
    assert code == 0 or broker.address in whole.stderr.read().decode(), "only where nobody answered at the beginning"
    if code != 0:
        assert command("import", file, *flags).returncode == 0
    there = 0

    def all_there():
        nonlocal there
        there = json.loads(command("status", "--data", cluster.data("a"), "--json").stdout)["events"]
        return there == len(events)

    try:
        wait_until(all_there, 90)
    except AssertionError:
        raise AssertionError(f"{there} of {len(events)} events") from None
    assert server.stop() == 0
    found = verify(cluster.data("a"))
    assert found["events"] == len(events) and found["repeated"] == 0, found


def first_positions(cluster, server):
    status = command("status", "--data", cluster.data("a"), "--json")
    return server.port and status.returncode == 0 and json.loads(status.stdout)["events"] > 0


# ---- a topic of the team's own ------------------------------------------------------------------------------------------------


def source_flags(broker, topic):
    return [f"--kafka.brokers={broker.address}", f"--kafka.source_topic={topic}", f"--kafka.source_group={topic}",
            "--kafka.session_ms=2000", "--data.state_delay_ms=50"]


def test_a_topic_of_json_is_taken_in_once_and_poison_is_set_aside(broker, tmp_path):
    topic = "clicks-once"
    dice = random.Random(6)
    events = make_events(dice, 400, "u")
    bare = [{k: v for k, v in event.items() if k != "event_id"} for event in events[:200]]
    with Producer(broker) as producer:
        producer.create(topic, 2)
        for event in bare:  # without a name: their place is their name
            producer.send(topic, hash_of(event["user"]) % 2, json.dumps(event).encode())
        producer.send(topic, 0, b"\xff\xfe no JSON at all")
        producer.send(topic, 1, b'{"type":"like","user":"u"}')
        producer.send(topic, 1, json.dumps(events[200:300]).encode())
        producer.flush()
        data = tmp_path / "data"
        process = begin("consume", "--data", data, *source_flags(broker, topic), stdin=subprocess.DEVNULL)
        wait_events(data, 300)
        process.kill()  # between the write and the commit, or about there: what is read again changes nothing
        process.wait()
        process = begin("consume", "--data", data, *source_flags(broker, topic))
        for event in events[300:]:
            producer.send(topic, 0, json.dumps(event).encode())
        producer.flush()
        wait_events(data, 400)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    found = verify(data)
    assert found["events"] == 400 and found["repeated"] == 0, found
    kept = quarantined(data)
    reasons = {(row["file"], row["reason"]) for row in kept}
    assert reasons == {(f"{topic}/0", "bad_json"), (f"{topic}/1", "missing_item")}, kept
    assert any("no JSON at all" in row.get("bytes", "") or "bytes_base64" in row for row in kept), kept


def test_a_topic_of_which_too_much_is_wrong_is_set_aside(broker, tmp_path):
    topic, data = "clicks-wrong", tmp_path / "data"
    good = make_events(random.Random(8), 1500, "u")
    with Producer(broker) as producer:
        producer.create(topic, 1)
        for event in good[:500]:
            producer.send(topic, 0, json.dumps(event).encode())
        for n in range(1000):  # two thirds of the first 1,500
            producer.send(topic, 0, json.dumps({"type": "no-such-type", "user": f"u{n}", "item": "i"}).encode())
        for event in good[500:600]:
            producer.send(topic, 0, json.dumps(event).encode())
        producer.flush()
        process = begin("consume", "--data", data, "--validation.error_budget=0.5", *source_flags(broker, topic))
        wait_events(data, 500)
        wait_until(lambda: sum(1 for row in quarantined(data) if row["reason"] == "set_aside") == 100)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert verify(data)["events"] == 500
    done = command("quarantine", "replay", "--all", "--reason", "set_aside", "--data", data, "--json")
    assert done.returncode == 0 and sum(file["accepted"] for file in json.loads(done.stdout)) == 100, done


def quarantined(data):
    lines = [json.loads(line) for file in (data / "default" / "quarantine").glob("*.jsonl") for line in file.read_text().splitlines()]
    return [line for line in lines if "recipe" not in line]


def hash_of(text):
    return sum(text.encode())


def wait_events(data, count):
    def there():
        done = command("status", "--data", data, "--json")
        return done.returncode == 0 and json.loads(done.stdout)["events"] >= count

    wait_until(there)


# ---- faults -------------------------------------------------------------------------------------------------------------------


class Load(threading.Thread):
    """Posts batches until it is told to stop; those that were refused or not answered are sent again, so all are acknowledged."""

    def __init__(self, port_of, dice, name):
        super().__init__(daemon=True)
        self.port_of, self.events = port_of, make_events(dice, 100_000, name, 60)
        self.sent, self.stopping, self.refused, self.failure = 0, False, 0, None

    def run(self):
        client = None
        try:
            while not self.stopping:
                batch = self.events[self.sent : self.sent + 20]
                try:
                    client = client or Client(self.port_of(), timeout=15)
                    status, answer = client.ask("/v1/events", {"events": batch})
                except (OSError, ValueError, http.client.HTTPException):
                    client = None
                    time.sleep(0.05)
                    continue
                if status == 200:
                    self.sent += len(batch)
                    time.sleep(0.005)
                else:
                    assert status in (429, 503), answer
                    self.refused += 1
                    time.sleep(0.05)
        except AssertionError as failure:
            self.failure = failure

    def stop(self):
        self.stopping = True
        self.join(60)
        assert self.failure is None and not self.is_alive(), self.failure
        return self.events[: self.sent]


def test_nothing_is_lost_or_twice_whatever_fails(cluster, broker):
    """Servers killed right before the n-th sync or write, so between what is logged, folded and committed; members that come and go in
    the middle of batches; a broker that is killed and comes back; a clock that goes back ten years; a poison message. In the end there
    is one state, that of a single pass."""
    print(f"seed {SEED} (PALATE_KAFKA_SEED={SEED} replays it)")
    dice = random.Random(SEED)
    # Two servers take writes; a third process, alone in its group, must end with everything.
    servers = {"a": cluster.serve("a", "--data.state_delay_ms=20")}
    clock = cluster.folder / "clock"
    clock.write_text("0")
    watching = {"group": "watch", "faults": f"clock={clock}"}
    watcher = cluster.serve("w", "--data.state_delay_ms=20", **watching)
    loads = [Load(lambda: servers["a"].port or 0, dice, f"x{n}") for n in range(2)]
    for load in loads:
        load.start()
    time.sleep(0.5)
    poison(broker, cluster)
    rounds = 12 if LONG else 4
    for number in range(rounds):
        what = ("kill", "join", "broker", "watcher")[number % 4] if not LONG else dice.choice(("kill", "join", "broker", "watcher"))
        if what == "kill":
            servers["a"].stop(signal.SIGKILL)
            aim = f"error=kill,op={dice.choice(('sync', 'write'))},nth={dice.randrange(20, 120)}"
            servers["a"] = cluster.serve("a", "--data.state_delay_ms=20", faults=aim)
            deadline = time.monotonic() + 3
            while not servers["a"].dead and time.monotonic() < deadline:
                time.sleep(0.02)
            servers["a"].stop(signal.SIGKILL)
            servers["a"] = cluster.serve("a", "--data.state_delay_ms=20")
        elif what == "watcher":
            watcher.stop(signal.SIGKILL)
            watcher = cluster.serve("w", "--data.state_delay_ms=20", **watching)
            clock.write_text(str(-10 * 365 * 86400))
        elif what == "join":
            other = cluster.consume("b")
            time.sleep(dice.uniform(0.5, 2))
            other.send_signal(dice.choice((signal.SIGKILL, signal.SIGTERM)))
            other.wait(timeout=30)
        else:
            broker.stop(dice.choice((signal.SIGKILL, signal.SIGTERM)))
            time.sleep(60 if LONG else 2)
            broker.start()
        time.sleep(dice.uniform(0.2, 1))
    events = [event for load in loads for event in load.stop()]
    assert len(events) > 200, "the load hardly got through"
    check(Client(watcher.port), events, 60)
    check(Client(servers["a"].port), events, 60)  # the only one left in its group
    for name, server in (("a", servers["a"]), ("w", watcher)):
        assert server.stop() == 0
        found = json_of("verify", "--data", cluster.data(name), *cluster.flags())
        assert found["topics"]["refused"] == 1, found
        assert name == "a" or found["topics"]["events"] - found["topics"]["repeated"] == len(events), found
        assert found["events"] == found["folded"] == len(events), (found["events"], len(events), f"seed {SEED}")
        kept = "".join(file.read_text() for file in (cluster.data(name) / "default" / "quarantine").glob("*kafka*"))
        assert '"bad_block"' in kept, "the poison message is not in quarantine"


def test_a_full_disk_is_waited_for_and_nothing_is_passed_over(cluster):
    full = cluster.folder / "full"
    server = cluster.serve("a", "--data.state_delay_ms=20", faults=f"error=ENOSPC,op=write,path=db/,times=0,while={full}")
    client = Client(server.port)
    events = make_events(random.Random(10), 400, "d")
    post(client, "/v1/events", {"events": events[:100]})
    check(client, events[:100])
    full.touch()
    for at in range(100, 300, 20):  # durable in the brokers, whatever this disk does
        post(client, "/v1/events", {"events": events[at : at + 20]})
    wait_until(lambda: "of Kafka wait: " in server.output())
    time.sleep(1)
    full.unlink()
    post(client, "/v1/events", {"events": events[300:]})
    check(client, events)
    assert server.stop() == 0
    found = json_of("verify", "--data", cluster.data("a"), *cluster.flags())
    assert found["events"] == found["topics"]["events"] == 400, found


def poison(broker, cluster):
    with Producer(broker) as producer:
        producer.send(f"{cluster.name}.default.events", 1, b"this is no block")
        producer.flush()


def test_a_queue_that_is_full_answers_429_and_memory_stays(cluster, broker):
    server = cluster.serve("a", **{"kafka.queue_events_max": 500, "kafka.timeout_ms": 4000})
    client = Client(server.port)
    post(client, "/v1/events", {"events": make_events(random.Random(8), 10, "u")})
    broker.process.send_signal(signal.SIGSTOP)
    try:
        statuses = []

        def ask(number):
            statuses.append(Client(server.port, timeout=30).ask("/v1/events", {"events": make_events(random.Random(number), 100, f"y{number}")})[0])

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses.count(429) >= 5 and set(statuses) <= {429, 503}, statuses
    finally:
        broker.process.send_signal(signal.SIGCONT)
    events = make_events(random.Random(9), 50, "z")
    post(client, "/v1/events", {"events": events})
    check(client, events)
