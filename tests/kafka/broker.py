"""A real Kafka broker for tests: Apache Kafka in KRaft mode, one process, on loopback, in a temporary folder, 512 MB of heap.

    with Broker() as broker: ... broker.address ...

`broker.py` as a program runs one until its standard input ends, so that it goes with whoever started it; it prints its address
once a consumer group can be joined. Standard library only.
"""

import base64
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
JARS = pathlib.Path(os.environ.get("PALATE_BROKER_JARS", ROOT / ".venv" / "kafka"))
NO_JAVA = "there is no Java on this machine, so no Kafka broker: install a JRE (./dev deps test)"
SECONDS_MAX = 90  # to start, on a machine that does much else

SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
num.network.threads=2
num.io.threads=4
log.cleaner.enable=false
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=200
"""


def have_java():
    return shutil.which("java") is not None


def free_ports(count):
    """Ports that nobody uses now. All are held at once, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def coordinator_ready(port):
    """Whether the broker names the coordinator of a group (FindCoordinator, version 0): it listens long before it does."""
    group = b"ready"
    body = struct.pack(">hhih", 10, 0, 1, 4) + b"test" + struct.pack(">h", len(group)) + group
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = b""
            while len(answer) < 10:
                piece = connection.recv(4096)
                if not piece:
                    return False
                answer += piece
            return struct.unpack(">h", answer[8:10])[0] == 0
    except OSError:
        return False


class Broker:
    """One broker. stop(), kill() and start() keep the folder, so that it comes back with what it had."""

    def __init__(self):
        if not JARS.is_dir():
            raise FileNotFoundError(f"{JARS}: the broker's jars are not there; ./dev deps test fetches them")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="palate-kafka-"))
        self.port, controller = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        self.process = None
        self.settings = self.folder / "server.properties"
        self.settings.write_text(SETTINGS.format(port=self.port, controller=controller, folder=self.folder))
        identity = "p" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:].rstrip("=")  # a dash in front reads as a flag
        done = subprocess.run([*self.java("64m"), "kafka.tools.StorageTool", "format", "-t", identity, "-c", str(self.settings)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the broker's folder could not be made: {done.stdout}{done.stderr}")

    def java(self, heap):
        return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp", f"{JARS}/*"]

    def start(self):
        with open(self.folder / "broker.log", "a") as log:
            self.process = subprocess.Popen([*self.java("512m"), "kafka.Kafka", str(self.settings)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            if coordinator_ready(self.port):
                return self
            time.sleep(0.05)
        text = (self.folder / "broker.log").read_text()[-4000:]
        self.stop()
        raise RuntimeError(f"the broker did not start:\n{text}")

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


def main():
    if not have_java():
        sys.exit(NO_JAVA)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Broker() as broker:
        print(broker.address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
