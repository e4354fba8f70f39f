"""Off-policy estimates on logged bandit feedback contain what the other policy had by itself (docs/bias.md)."""

import gzip
import sys

import numpy as np
import pytest
from conftest import ROOT, shared

sys.path.insert(0, str(ROOT / "bench" / "bias"))
import obd  # noqa: E402

HEAD = "timestamp,item_id,position,click,propensity_score\n"


def write_log(folder, name, rows):
    with gzip.open(folder / f"{name}.csv.gz", "wt") as file:
        file.write(HEAD + "".join(f"t,{item},{position + 1},{click},{propensity}\n" for item, position, click, propensity in rows))
    return folder / f"{name}.csv.gz"


def test_intervals_contain_the_other_policy_s_own_click_rate():
    lines = list(obd.measure(shared("obd-small"), 500))
    assert len(lines) == 12
    outside = [f"{campaign} {asked} {way}: {low:.5f} to {high:.5f}, on-policy {own[0]:.5f}"
               for campaign, asked, way, (_, low, high), own, _ in lines if not low <= own[0] <= high]
    assert not outside, outside


def test_a_planted_policy_is_estimated_where_its_log_misleads(tmp_path):
    """Items of 10 to 80 % clicks, logged by a policy that likes the worst; the other one likes the best."""
    random, items = np.random.default_rng(1), 8
    rates = np.linspace(0.1, 0.8, items)
    logged = (rates[::-1]**2) / (rates**2).sum()
    chosen = random.choice(items, 20_000, p=logged)
    rows = [(item, random.integers(3), int(random.random() < rates[item]), logged[item]) for item in chosen]
    log = obd.Log(write_log(tmp_path, "planted", rows), items)
    wanted = np.tile(rates / rates.sum(), (3, 1))
    truth = wanted[0] @ rates
    found, effective = obd.estimates_of(log, wanted, 500)
    assert log.click.mean() < truth - 0.15
    assert 0 < effective < 20_000
    for way, (value, low, high) in found.items():
        assert low <= truth <= high and abs(value - truth) < 0.03, way
    spread = {way: high - low for way, (_, low, high) in found.items()}
    assert spread["DR"] < spread["IPS"]


def test_a_damaged_log_is_refused_with_its_line(tmp_path):
    path = write_log(tmp_path, "damaged", [(0, 0, 0, 0.5), (0, 0, 0, 0)])
    with pytest.raises(ValueError, match="damaged.csv.gz:3"):
        obd.Log(path, 8)
