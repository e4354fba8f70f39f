"""How fast a simulated world lives, and how fast it is in the log."""
from harness import Row, palate

# Everybody comes once on the one day, so that it is a day's work of a million visitors.
DAY = ("--simulate.days=1", "--simulate.sessions_per_user=1", "--simulate.newcomer_share=0", "--simulate.items=100000")


def measure(context):
    users = 50_000 if context.quick else 1_000_000
    done = palate("simulate", "--data", context.work / "world", f"--simulate.users={users}", *DAY)
    events = done.answer["events"]
    note = f"{events:,} events, {done.cpu_s:.1f} CPU s, peak {done.peak_mib:.0f} MiB"
    return [
        Row(f"a day of {users:,} visitors, into the log and folded", done.wall_s, "s", note, bar=None if context.quick else 60,
            lower_is_better=True),
        Row("the same", events / done.wall_s / 1e6, "M events/s"),
    ]
