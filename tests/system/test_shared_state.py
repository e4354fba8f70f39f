"""Three palate serve processes in one group on a real Kafka broker, their states in one real Redis: each folds the partitions that it
owns, one is killed under load, and what the others know in the end is what a single pass gives. PALATE_KAFKA_SEED replays it."""

import random
import signal
import time

from test_kafka import LONG, SEED, Load, broker, cluster, histories, pytestmark, wait_until  # noqa: F401
from test_state import redis  # noqa: F401

from program import Client, json_of  # noqa: E402  (test_kafka has said where)


def known_to(clients, user):
    """What each process has of the user, oldest first."""
    answers = [client.ask(f"/v1/users/{user}?history=500") for client in clients]
    return [[(e["item"], e["type"]) for e in reversed(answer["history"])] for status, answer in answers if status == 200]


def test_three_share_the_work_and_one_is_killed(cluster, redis):  # noqa: F811
    print(f"seed {SEED} (PALATE_KAFKA_SEED={SEED} replays it)")
    flags = {name: (*redis.flags, "--redis.prefix", name, "--data.state_delay_ms=20", "--features.counters=true", "--features.trust=true")
             for name in "abc"}
    servers = {name: cluster.serve(name, *flags[name]) for name in "abc"}
    wait_until(lambda: all("partitions" in server.output() for server in servers.values()))
    dice = random.Random(SEED)
    loads = {name: Load(lambda name=name: servers[name].port or 0, dice, f"{name}-load") for name in "abc"}
    for load in loads.values():
        load.start()
    time.sleep(4 if LONG else 2)
    servers["b"].stop(signal.SIGKILL)
    servers["b"].port = servers["a"].port  # where a proxy sends its clients now
    time.sleep(8 if LONG else 5)
    events = [event for load in loads.values() for event in load.stop()]
    assert len(events) > 200, "the load hardly got through"

    survivors = [Client(servers[name].port) for name in "ac"]
    for user, wanted in histories(events).items():
        try:
            wait_until(lambda user=user, wanted=wanted: wanted in known_to(survivors, user), 60)
        except AssertionError:
            raise AssertionError(f"seed {SEED}: {user} has {known_to(survivors, user)}, not {wanted}") from None
    folded = {}
    for name in "ac":
        assert servers[name].stop() == 0
        found = json_of("verify", "--data", cluster.data(name), *cluster.flags(), *flags[name])
        assert found["whole"] and found["events"] == found["folded"], found
        folded[name] = found["events"]
    # Partitions that moved between them are in both.
    assert min(folded.values()) > 0 and sum(folded.values()) >= len(events), "both had a part of the work"
