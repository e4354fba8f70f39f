"""The tails of a simulated world lie where those of real data sets lie (docs/world.md)."""

import os
import pathlib
import sys

import pytest

from conftest import run_json

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("PALATE_SHARED", ROOT.parent / "shared")) / "data"
sys.path.insert(0, str(ROOT / "bench"))

import world_shape  # noqa: E402


def test_the_default_world_lies_in_the_range_of_real_sets(tmp_path):
    sets = world_shape.shapes_of_sets(DATA) if DATA.is_dir() else {}
    if len(sets) < 5:
        pytest.skip(f"{DATA} has {len(sets)} of the real data sets to compare with; 5 are needed")
    run_json("simulate", "--out", tmp_path / "world", cwd=tmp_path)
    ours = world_shape.shape_of_world(tmp_path / "world")
    print(world_shape.as_table(ours, sets))
    # A fifth more or less: of some figures there is but one real set.
    outside = [f"{key}: {ours[key]:.3g}, real sets {low:.3g} to {high:.3g}"
               for key, (low, high) in world_shape.ranges(sets).items() if not 0.8 * low <= ours[key] <= 1.2 * high]
    assert not outside, outside


def test_a_shape_that_is_not_real_is_seen():
    flat = world_shape.tails([(f"u{n % 100}", f"i{n % 50}", None) for n in range(5000)])
    assert flat["users, Gini"] == pytest.approx(0, abs=1e-9) and flat["interactions a user, p99 over median"] == 1
    assert flat["interactions with the top 10 % of items"] == pytest.approx(0.1)
    again = [("u", "i", None)] * 4 + [("u", "j", None)]
    assert world_shape.repeats(again)["clicks on what the user had before"] == pytest.approx(0.6)
    assert world_shape.session_lengths(["a", "a", "b", "c", "c", "c"])["clicks a session, mean"] == 2.5
