"""palate load against palate serve: what it reports, and that rude clients do not hold up the others."""

import contextlib
import json
import re
import socket
import threading

from conftest import run, run_json

IDS = ("--users", "u00001..u00300", "--items", "i00001..i00200", "--warmup", "0")


def load(url, *arguments):
    return run_json("load", url, *IDS, *map(str, arguments))


def failures(report):
    return {k: report[k] for k in ("refused", "broken", "timed_out", "unsent", "unchanged") if report[k]}


def test_an_open_loop_sends_what_is_due(world, serve):
    server = serve(world).wait_ready()
    report = load(server.url, "--rate", 200, "--seconds", 1)
    assert (report["due"], report["answered"], failures(report)) == (200, 200, {})
    latency = report["kinds"]["recommend"]["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]
    text = run("load", server.url, *IDS, "--seconds", "0.2").stdout
    assert re.search(r"^recommend +[\d,]+ +[\d.]+", text, re.M) and "closed loop, 16 connections" in text


def test_events_of_a_load_are_stored_once_each(world, serve):
    def logged():
        return int(re.search(r'palate_accepted_total\{stream="events".*\} (\d+)', server.client.get("/metrics").text)[1])

    server = serve(world).wait_ready()
    for runs in (1, 2):  # the same seed twice is not the same events
        report = load(server.url, "--send", "events", "--batch", 10, "--rate", 20, "--seconds", 1)
        assert (report["answered"], failures(report)) == (20, {})
        assert logged() == 200 * runs


def test_probes_see_their_events_in_the_next_list(world, serve):
    server = serve(world).wait_ready()
    report = load(server.url, "--fresh", "--rate", 30, "--seconds", 1, "--connections", 2)
    assert (report["due"], report["answered"], failures(report)) == (30, 30, {})


def test_errors_say_what_to_do(world, serve):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = run("load", f"http://127.0.0.1:{probe.getsockname()[1]}")
    assert nobody.returncode == 13 and "palate serve" in nobody.stderr
    for wrong in (["--rate", "fast"], ["--send", "recomend"], ["--users", "u1"], ["--connections", "0"], ["8080"]):
        done = run("load", *wrong)
        assert done.returncode == 2 and done.stderr, wrong


def test_rude_clients_do_not_hold_up_the_others(world, serve):
    """900 idle connections, a client that sends a byte at a time, one that reads nothing, and one with bodies of 10,000 events."""
    server = serve(world).wait_ready()
    host, port = server.url.removeprefix("http://").split(":")
    events = [{"type": "click", "user": f"u{n % 300 + 1:05}", "item": f"i{n % 200 + 1:05}"} for n in range(10_000)]
    stop = threading.Event()

    def connect():
        return stack.enter_context(contextlib.closing(socket.create_connection((host, int(port)))))

    def send_large_bodies():
        body = json.dumps({"events": events}).encode()
        while not stop.is_set():
            assert server.client.post("/v1/events", content=body).status_code == 200

    def dribble(client):
        while not stop.wait(0.01):
            client.send(b"x")

    with contextlib.ExitStack() as stack:
        for _ in range(900):
            connect()
        slow, deaf = connect(), connect()
        slow.send(b"GET /")
        deaf.send(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        rude = [threading.Thread(target=send_large_bodies), threading.Thread(target=dribble, args=(slow,))]
        for thread in rude:
            thread.start()
        report = load(server.url, "--rate", 200, "--seconds", 2)
        stop.set()
        for thread in rude:
            thread.join()
    assert (report["due"], failures(report)) == (400, {})
    assert report["kinds"]["recommend"]["latency_ms"]["p50"] < 100, report

