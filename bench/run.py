"""Measures the built program on real paths, area by area, beside its peers in the same run. See bench/run."""
import argparse
import importlib
import json
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

import harness

HERE = pathlib.Path(__file__).resolve().parent
AREAS = sorted(path.stem for path in (HERE / "areas").glob("*.py") if path.stem != "__init__")
LANDED = HERE / "landed.json"
# bench/landed.json keeps the lowest ratio of every run that was landed, on whichever machine: how far apart two programs are
# differs with caches, instruction sets and neighbours. Less than half of the lowest is no noise.
BAND = 2.0


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def line(row):
    beside = f"{row.peer}: {figure(row.peer_value)} {row.unit}" if row.peer_value else ""
    ratio = f"{row.ratio:.1f}x" if row.ratio else ""
    bar = "" if row.bar is None else f"{figure(row.bar)} {'' if row.met else '(missed)'}".strip()
    return f"| {row.name} | {figure(row.value)} {row.unit} | {bar} | {beside} | {ratio} | {row.limit} | {row.note} |"


def table(area, rows):
    head = f"| {area} | Palate | bar | beside | times | of the limit | |\n|---|--:|--:|---|--:|---|---|\n"
    return head + "\n".join(map(line, rows)) + "\n"


def measure(names, context):
    """Prints each area's table as it is done; returns all rows by area, and what went wrong."""
    measured, wrong = {}, []
    for name in names:
        start = time.monotonic()
        try:
            measured[name] = importlib.import_module(f"areas.{name}").measure(context)
        except Exception as error:  # one area's failure must not cost the others their figures
            traceback.print_exc()
            wrong.append(f"{name}: {error}")
            continue
        print(table(name, measured[name]), flush=True)
        print(f"bench: {name} took {time.monotonic() - start:.0f} s", file=sys.stderr)
    return measured, wrong


def ratios(measured):
    """By area, row and peer; tails of latency (in ms) are left out: in a short run on a shared machine they are noise."""
    return {
        f"{area}: {row.name} | {row.peer}": round(row.ratio, 3)
        for area, rows in measured.items() for row in rows if row.ratio and row.unit != "ms"
    }


def area_of(name):
    return name.split(":")[0]


def fallen(now, landed):
    """Names of what is more than BAND worse beside its peer than in any landed run."""
    return [name for name, before in landed.items() if name in now and now[name] < before / BAND]


def track(measured, landed, context):
    """What fell below the landed ratios, as sentences. An area where something did is measured once more: a neighbour on the
    machine seldom strikes the same row twice."""
    now = ratios(measured)
    yield from (f"{name}: no longer measured; run `./dev bench --quick --land` if that is meant"
                for name in landed if area_of(name) in measured and name not in now)
    suspects = fallen(now, landed)
    if not suspects:
        return
    # In a folder of its own: what the first time has left is in the way of a second.
    apart = harness.Context(pathlib.Path(tempfile.mkdtemp(prefix="again-", dir=context.work)), context.quick, context.drawings)
    again, wrong = measure(sorted({area_of(name) for name in suspects}), apart)
    yield from wrong
    yield from (f"{name}: {now[name]:.2f} and {ratios(again).get(name, 0):.2f} times its peer, {landed[name]:.2f} in the lowest landed run"
                for name in fallen(ratios(again), {name: landed[name] for name in suspects}))


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"which ({', '.join(AREAS)}); all without one")
    parser.add_argument("--quick", action="store_true", help="small data, under five minutes in all")
    parser.add_argument("--out", help="also write the tables to this file; drawings go beside it, else here")
    parser.add_argument("--track", action="store_true", help="fail where a ratio fell far below the one in bench/landed.json")
    parser.add_argument("--land", action="store_true", help="lower the ratios of bench/landed.json to this run's, add what is new, drop what is gone")
    arguments = parser.parse_args()
    if unknown := set(arguments.areas) - set(AREAS):
        parser.error(f"unknown area {', '.join(unknown)}; there are {', '.join(AREAS)}")
    if (arguments.track or arguments.land) and not arguments.quick:
        parser.error("landed ratios are those of --quick")
    drawings = pathlib.Path(arguments.out).resolve().parent if arguments.out else pathlib.Path.cwd()
    work = pathlib.Path(tempfile.mkdtemp(prefix="palate-bench-"))
    try:
        context = harness.Context(work, arguments.quick, drawings)
        measured, wrong = measure(arguments.areas or AREAS, context)
        if arguments.track:
            wrong += track(measured, json.loads(LANDED.read_text()), context)
    finally:
        shutil.rmtree(work)
    if arguments.out:
        pathlib.Path(arguments.out).write_text("\n".join(table(*item) for item in measured.items()))
    if arguments.land and not wrong:
        before = json.loads(LANDED.read_text())
        others = {name: ratio for name, ratio in before.items() if area_of(name) not in measured}
        lowest = {name: min(ratio, before.get(name, ratio)) for name, ratio in ratios(measured).items()}
        LANDED.write_text(json.dumps(dict(sorted({**others, **lowest}.items())), indent=2) + "\n")
    for fault in wrong:
        print(f"bench: {fault}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
