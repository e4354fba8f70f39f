"""What it costs to log what was answered, and to answer it again."""
import statistics
import time

from harness import Row, Server, Wrong, palate

from areas.pipeline import configured, describe
from areas.serving import CONNECTIONS, SHAPES, load


def served(context, shape, share, seconds):
    """Requests a second of the full pipeline with that share of the answers logged; how many were, and bytes of the log for each."""
    users, items = SHAPES[shape]
    data = context.data(shape)
    arguments = "--config", configured(context), "--decisions.share", share
    with Server(data, *arguments) as server:
        describe(server, items)
        before = palate("replay", "--data", data, "--limit", 1_000_000).answer
        rate = load(server.url, seconds=seconds, connections=CONNECTIONS, users=f"1..{users}", items=f"1..{items}")["rate"]
        time.sleep(1)  # the last ones are on their way into the log
        after = palate("replay", "--data", data, "--limit", 1_000_000).answer
    return rate, len(after) - len(before), after


def measure(context):
    shape, seconds, rounds = ("small", 1.5, 1) if context.quick else ("goodbooks", 5, 3)
    data = context.data(shape)
    rates = {0: [], 1: []}
    for _ in range(rounds):
        for share in rates:
            rate, logged, decisions = served(context, shape, share, seconds)
            if (logged > 0) != (share > 0):
                raise Wrong(f"{logged} answers logged at a share of {share}")
            rates[share].append(rate)
    took, folded = [], 0
    for decision in decisions[:3 if context.quick else 5]:
        again = palate("replay", decision["request_id"], "--data", data)
        if not again.answer["same"]:
            raise Wrong(f"answered again, it is not the same: {again.answer['differences']}")
        took.append(again.wall_s)
        folded = again.answer["events"]
    without, every = statistics.median(rates[0]), statistics.median(rates[1])
    return [
        Row("full pipeline, every answer logged", every, "requests/s",
            f"{without:,.0f} with none logged: {1e6 / every - 1e6 / without:.0f} µs an answer on both cores; {CONNECTIONS} connections"),
        Row("an answer made again", statistics.median(took), "s", f"the state folded from {folded:,} events", lower_is_better=True),
    ]
