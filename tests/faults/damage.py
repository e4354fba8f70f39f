"""Bits that flip and files that cannot be read: found, named, refused; never a crash, never a wrong answer."""

import json
import os
import random
import shutil
import stat

from program import Client, Server, command, json_of

# What may be harmed without harm to any answer: RocksDB's own log and what it keeps for people, locks.
HARMLESS = ("LOG", "LOG.old", "OPTIONS-", "IDENTITY", "LOCK", "registry.lock")


def files_of(data):
    """Every file of the data directory that holds something, by path."""
    return sorted(p for p in data.rglob("*") if p.is_file() and p.stat().st_size > 0)


def answers(data, user):
    """What the directory says: its counts, and somebody's list."""
    status = command("status", "--data", data, "--json")
    slate = command("recommend", user, "--data", data, "--json")
    whole = command("verify", "--data", data, "--json")
    return [status, slate, whole]


def meaning(done):
    """stdout without what differs from call to call."""
    lines = done.stdout.splitlines()
    return [line for line in lines if "request_id" not in line and "bytes_on_disk" not in line and "as_of" not in line
            and "seconds" not in line and "quarantined" not in line and '"cursor"' not in line]


def flip(path, byte, bit):
    raw = bytearray(path.read_bytes())
    raw[byte] ^= 1 << bit
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(raw)
    path.chmod(stat.S_IMODE(mode))


def flip_bits(data, dice, flips):
    """Flips one bit after the other, anywhere, each in a fresh copy. Returns how often it was refused and how often nothing had
    changed; anything else is an error."""
    user = json_of("status", "--data", data)["sample_user"]
    right = answers(data, user)
    assert all(done.returncode == 0 for done in right), right
    files = files_of(data)
    refused = unchanged = 0
    for _ in range(flips):
        path = dice.choice(files)
        raw = path.read_bytes()
        byte, bit = dice.randrange(len(raw)), dice.randrange(8)
        flip(path, byte, bit)
        note = f"bit {bit} of byte {byte} of {path.relative_to(data)} ({len(raw)} bytes)"
        now = answers(data, user)
        for before, after in zip(right, now):
            assert after.returncode in (0, 3, 5, 6, 7, 8, 13, 14), f"{note}: exit {after.returncode}: {after.stderr}"
            assert "terminate" not in after.stderr and "Assert" not in after.stderr, f"{note}: {after.stderr}"
            if after.returncode != 0:
                assert str(data) in after.stderr or path.name in after.stderr, f"{note} is not named: {after.stderr}"
                continue
            said = any(model["damage"] for model in json.loads(after.stdout).get("models", []))  # `status` lists it as damaged
            assert said or meaning(after) == meaning(before), f"{note}: a wrong answer: {after.args}"
        if any(done.returncode != 0 for done in now):
            refused += 1
        else:
            unchanged += 1
        mode = path.stat().st_mode
        path.chmod(0o644)
        path.write_bytes(raw)
        path.chmod(stat.S_IMODE(mode))
    return refused, unchanged


def unreadable(data, uid=65534):
    """Each file in turn cannot be read by the user who runs the commands. Needs root, to become somebody else."""
    for path in [data.parent, data, *data.rglob("*")]:
        os.chown(path, uid, uid)
    os.chmod(data.parent, 0o755)
    user = json_of("status", "--data", data, user=uid, group=uid)["sample_user"]
    for path in files_of(data):
        if path.name.startswith(HARMLESS):
            continue
        mode = path.stat().st_mode
        path.chmod(0)
        whole = [command(*arguments, "--data", data, user=uid, group=uid)
                 for arguments in (["status"], ["recommend", user], ["verify"])]
        path.chmod(stat.S_IMODE(mode))
        assert any(done.returncode != 0 for done in whole), f"nobody missed {path}"
        for done in whole:
            assert done.returncode in (0, 6, 8, 14), f"{path.name}: exit {done.returncode}: {done.stderr}"
            if done.returncode != 0:
                assert path.name in done.stderr and "ermission" in done.stderr, f"{path.name}: {done.stderr}"
    assert command("verify", "--data", data, user=uid, group=uid).returncode == 0


def torn_ends(data, dice, cuts):
    """The newest write-ahead log loses its last bytes, as when power fails within a write: what is before is kept, and the server
    starts. A cut that takes a whole acknowledged record cannot be told from one that was never written; the machine's disk has
    promised to keep it (docs/reliability.md)."""
    logs = sorted((data / "default" / "db").glob("*.log"))
    raw = logs[-1].read_bytes()
    counts = []
    for _ in range(cuts):
        copy = data.parent / "torn"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy)
        kept = dice.randrange(len(raw))
        (copy / "default" / "db" / logs[-1].name).write_bytes(raw[:kept])
        server = Server(copy)
        try:
            server.wait_ready()
            status, _ = Client(server.port).ask("/v1/events", {"events": [{"event_id": "after", "type": "like", "user": "t", "item": "i"}]})
            assert status == 200
        finally:
            assert server.stop() == 0
        counts.append((kept, command("verify", "--data", copy, "--json")))
        assert counts[-1][1].returncode == 0, f"{kept} of {len(raw)} bytes: {counts[-1][1].stderr}"
    return len(counts)


def seeded(seed):
    return random.Random(seed)
