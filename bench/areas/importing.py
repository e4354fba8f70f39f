"""Files into the durable log and the state, beside parsers that do nothing else with the same file."""
import time

import pandas

from harness import Row, Wrong, palate


def measure(context):
    shape = "small" if context.quick else "goodbooks"
    csv = context.csv(shape)
    done = palate("import", csv, "--data", context.work / "import-data")
    rows = done.answer["events"]["rows"]
    start = time.monotonic()
    if len(pandas.read_csv(csv)) != rows:
        raise Wrong(f"palate import counts {rows} rows in {csv}, pandas another number")
    bare = rows / (time.monotonic() - start)
    return [
        Row(f"import CSV, {rows:,} rows, whole command", rows / done.wall_s / 1e6, "M rows/s",
            f"{done.wall_s:.1f} s, {done.cpu_s:.1f} CPU s, peak {done.peak_mib:.0f} MiB", "pandas, parsing alone", bare / 1e6)
    ]
