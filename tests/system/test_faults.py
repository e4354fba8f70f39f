"""What goes wrong around the program: full and failing disks, damaged and unreadable files, signals, clocks, memory, two writers.

The short forms, the same each time; PALATE_FAULTS_LONG=1 tries every write and many more bits, others each time.
PALATE_FAULTS_SEED replays.
"""

import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
import damage  # noqa: E402
import disk  # noqa: E402
from program import BIN, Client, Server, begin, command, json_of, verify  # noqa: E402

LONG = os.environ.get("PALATE_FAULTS_LONG") == "1"
SEED = int(os.environ.get("PALATE_FAULTS_SEED", str(random.SystemRandom().randrange(1 << 30) if LONG else 20261121)))
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user or to mount")
TINY = ("--simulate.users", "60", "--simulate.items", "60", "--simulate.days", "4")
TIGHT = ("--data.log_buffer_kib", "64", "--data.state_buffer_kib", "64", "--data.state_delay_ms", "20", "--data.users_mib", "1")
QUICK = ("--als.iterations", "1", "--als.factors", "8")


@pytest.fixture(autouse=True)
def seed_note():
    print(f"PALATE_FAULTS_SEED={SEED}")


@pytest.fixture(scope="module")
def tiny_world(tmp_path_factory):
    data = tmp_path_factory.mktemp("tiny") / "data"
    assert command("simulate", "--data", data, *TINY).returncode == 0
    done = command("train", "--data", data, *QUICK)
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture
def tiny(tiny_world, tmp_path):
    shutil.copytree(tiny_world, tmp_path / "data")
    return tmp_path / "data"


# --- disks ------------------------------------------------------------------------------------------------------------

POINTS = 100_000 if LONG else 7


@pytest.mark.parametrize("how", [disk.FULL, disk.BROKEN], ids=["full", "broken"])
@pytest.mark.parametrize("case", ["import", "train", "init"])
def test_an_error_at_every_write(case, how, tiny_world, tmp_path):
    make, arguments, after = {"import": lambda: disk.import_case(tmp_path), "train": lambda: disk.train_case(tiny_world),
                              "init": disk.init_case}[case]()
    failed, writes = disk.fail_each_write(make, arguments, after, {**how, "points": POINTS})
    print(f"{case}: {failed} of {writes} points failed")
    assert failed > 0


@pytest.mark.skipif(not LONG and os.geteuid() == 0, reason="long form; the short one is on a real file system, below")
def test_a_server_on_a_disk_that_fills_up(tiny, tmp_path):
    # An error planted at every write while a file is there: needs no mount.
    full = tmp_path / "full"
    os.environ["PALATE_FAULTS"] = f"error=ENOSPC,op=write,times=0,path={tiny}/default/db,while={full}"
    try:
        sent, acked = disk.serve_through(tiny, full.touch, full.unlink, TIGHT)
    finally:
        del os.environ["PALATE_FAULTS"]
    assert 0 < acked <= sent


@ROOT
def test_a_server_on_a_file_system_that_is_really_full(tiny_world, tmp_path):
    small = disk.SmallDisk(tmp_path / "disk", 24)
    if not small.mounted:
        pytest.skip("this root may not mount a tmpfs")
    try:
        shutil.copytree(tiny_world, small.path / "data")
        sent, acked = disk.serve_through(small.path / "data", small.fill, small.free, TIGHT)
        assert 0 < acked <= sent
        small.fill()
        done = command("train", "--data", small.path / "data", "--als.factors", "256", "--als.iterations", "1")
        assert done.returncode == 9 and "free some space" in done.stderr, done.stderr
        small.free()
        verify(small.path / "data")
    finally:
        small.close()


# --- damage -----------------------------------------------------------------------------------------------------------

def test_flipped_bits_anywhere(tiny):
    refused, unchanged = damage.flip_bits(tiny, random.Random(SEED), 2000 if LONG else 14)
    print(f"{refused} flips refused, {unchanged} changed nothing")


@ROOT
def test_unreadable_files(tiny_world):
    # Not under tmp_path, whose parents are root's alone.
    folder = pathlib.Path(subprocess.check_output(["mktemp", "-d", "/tmp/palate-unreadable-XXXXXX"], text=True).strip())
    try:
        shutil.copytree(tiny_world, folder / "data")
        damage.unreadable(folder / "data")
    finally:
        shutil.rmtree(folder)


def test_torn_last_block(tiny):
    server = Server(tiny)
    server.wait_ready()
    client = Client(server.port)
    for n in range(20):
        assert client.ask("/v1/events", disk.batch(n * 10, 10))[0] == 200
    server.stop(signal.SIGKILL)
    assert damage.torn_ends(tiny, random.Random(SEED), 40 if LONG else 4) > 0


def test_a_state_ahead_of_the_log_is_refused(tiny):
    # The tables of the log are gone, those of the state are not: nothing is acknowledged on top of that.
    db = tiny / "default" / "db"
    assert command("verify", "--data", tiny).returncode == 0
    for table in db.glob("*.log"):
        table.write_bytes(b"")
    done = command("verify", "--data", tiny)
    assert done.returncode in (0, 3, 6), done.stderr


def test_another_key_is_refused(tiny):
    key = tiny / "default" / "id.key"
    damage.flip(key, 3, 2)
    done = command("status", "--data", tiny)
    assert done.returncode == 6 and "id.key" in done.stderr, done.stderr
    damage.flip(key, 3, 2)
    assert command("status", "--data", tiny).returncode == 0


# --- clock, memory, signals, company --------------------------------------------------------------------------------------

def test_the_clock_jumps_under_a_server(tiny, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("0")
    server = Server(tiny, faults=f"clock={clock}")
    try:
        server.wait_ready()
        client = Client(server.port)

        def like(number):
            event = {"event_id": f"c{number}", "type": "like", "user": "clocked", "item": f"i{number}"}
            assert client.ask("/v1/events", {"events": [event]})[0] == 200
            return client.ask("/v1/users/clocked")[1]["history"][0]["ts"][:4]

        year = like(0)
        for number, years in enumerate((10, -30, 0), start=1):
            clock.write_text(str(years * 365 * 86400))
            assert like(number) == year, "a jump is not believed at once"
            status, answer = client.ask("/v1/recommendations?user=clocked&n=5")
            assert status == 200 and answer["items"]
        assert "the clock has jumped" in server.output()
    finally:
        assert server.stop() == 0
    verify(tiny)


def test_training_that_does_not_fit_is_refused_before_it_starts(tiny):
    before = json_of("status", "--data", tiny)
    done = command("train", "--data", tiny, faults=f"memory={1 << 20}")
    assert done.returncode == 15 and re.search(r"needs about \d+ MiB", done.stderr), done.stderr
    done = command("train", "--data", tiny, "--als.factors", "512", faults=f"memory={48 << 20}")
    assert done.returncode == 15 and "als.factors" in done.stderr, done.stderr
    assert json_of("status", "--data", tiny)["models"] == before["models"]


def test_training_under_a_limit_of_the_address_space(tiny):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))

    done = subprocess.run([BIN, "train", "--data", str(tiny), "--als.factors", "1024", "--als.iterations", "1"], capture_output=True,
                          text=True, preexec_fn=limit)
    assert done.returncode == 15 and "address space" in done.stderr, f"{done.returncode}: {done.stderr}"
    verify(tiny)


@pytest.mark.parametrize("name,code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_stops_commands_and_leaves_nothing_half_done(name, code, tiny, tmp_path):
    source = tmp_path / "e.csv"
    source.write_text("user_id,item_id,rating,timestamp\n" + "".join(f"u{n % 997},i{n % 499},5,{1_500_000_000 + n}\n" for n in range(300_000)))
    dice = random.Random(SEED)
    codes = set()
    for number in range(40 if LONG else 3):
        data = tmp_path / f"imported-{number}"
        for arguments in (["import", source, "--data", data], ["train", "--data", tiny, "--als.iterations", "200"]):
            process = begin(*arguments, "--quiet")
            time.sleep(dice.uniform(0.03, 0.3))
            process.send_signal(getattr(signal, name))
            _, error = process.communicate(timeout=30)
            codes.add(process.returncode)
            assert process.returncode in (0, code, -getattr(signal, name)), f"exit {process.returncode}: {error}"
        done = json_of("import", source, "--data", data)
        assert verify(data)["events"] == 300_000, done
    verify(tiny)
    assert code in codes, f"no command was caught at work: {codes}"


def test_hangup_reloads_and_terminate_drains(tiny):
    server = Server(tiny, "--serve.release_poll_ms", "60000")
    server.wait_ready()
    client = Client(server.port)
    assert client.ask("/readyz")[1]["release"] == 1
    assert command("train", "--data", tiny, *QUICK).returncode == 0
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while client.ask("/readyz")[1]["release"] != 2:
        assert time.monotonic() < deadline, "SIGHUP did not load the new release"
        time.sleep(0.02)
    assert client.ask("/v1/events", disk.batch(0, 10))[0] == 200
    assert server.stop(signal.SIGTERM) == 0
    verify(tiny)


def test_readers_beside_a_server_and_beside_an_import(tiny, tmp_path):
    server = Server(tiny)
    try:
        server.wait_ready()
        assert Client(server.port).ask("/v1/events", disk.batch(0, 50))[0] == 200
        user = json_of("status", "--data", tiny)["sample_user"]
        for arguments in (["status"], ["verify"], ["recommend", user], ["train", *QUICK], ["evaluate", "--models", "popularity"]):
            done = command(*arguments, "--data", tiny)
            assert done.returncode == 0, f"{arguments} beside a server: {done.stderr}"
        second = command("import", pathlib.Path(__file__), "--data", tiny)
        assert second.returncode in (2, 5)
        second = command("serve", "--data", tiny, "--port", "0")
        assert second.returncode == 5 and str(server.process.pid) in second.stderr, second.stderr
    finally:
        assert server.stop() == 0
    source = tmp_path / "e.csv"
    source.write_text("user_id,item_id,rating,timestamp\n" + "".join(f"u{n % 997},i{n % 499},5,{1_700_000_000 + n}\n" for n in range(400_000)))
    process = begin("import", source, "--data", tiny, "--quiet")
    tried = 0
    while process.poll() is None:
        for arguments in (["verify"], ["recommend", user], ["train", *QUICK, "--models", "popularity"]):
            done = command(*arguments, "--data", tiny)
            assert done.returncode in (0, 10), f"{arguments} beside an import: exit {done.returncode}: {done.stderr}"
            tried += done.returncode == 0
    assert process.returncode == 0 and tried > 0
    verify(tiny)


def test_what_a_killed_process_left_is_removed(tiny):
    (tiny / "default" / ".FORMAT.tmp-999999999-0").write_text("x")
    (tiny / "default" / "models" / "als" / ".000009.tmp-999999999-0").mkdir()
    (tiny / "default" / "releases" / ".CURRENT.tmp-999999999-0").write_text("x")
    assert command("train", "--data", tiny, *QUICK).returncode == 0
    server = Server(tiny)
    server.wait_ready()
    server.stop()
    assert not list(tiny.rglob(".*.tmp-*"))
