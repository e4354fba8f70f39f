#!/usr/bin/env python3
"""Writes random ratings with the size of a well-known data set: for speed and memory, never for accuracy.

  shape.py goodbooks|ml-20m|USERSxITEMSxRATINGS OUT.csv      columns user_id,item_id,rating,timestamp; seeded; ascending by time

Distinct (user, item) pairs, log-normal activity, a long tail of items. Needs numpy.
"""
import sys

import numpy as np

SHAPES = {  # users, items, ratings
    "small": (5_000, 2_000, 200_000),
    "goodbooks": (53_424, 10_000, 5_976_479),
    "ml-20m": (138_493, 26_744, 20_000_263),
}


def draw(users, items, total, random):
    activity = random.lognormal(0, 0.9, users)
    popularity = np.cumsum(np.arange(1, items + 1) ** -0.75)
    shuffled = random.permutation(items)
    keys = np.empty(0, np.int64)
    while len(keys) < total:  # pairs drawn twice are dropped, so draw until there are enough
        user = random.choice(users, (total - len(keys)) * 5 // 4, p=activity / activity.sum())
        item = shuffled[np.searchsorted(popularity, random.random(len(user)) * popularity[-1])]
        keys = np.union1d(keys, user * items + item)
    keys = random.permutation(keys)[:total]
    return keys // items + 1, keys % items + 1


def size_of(name):
    """(users, items, ratings) of a name or of three numbers; None for neither."""
    numbers = name.split("x")
    if len(numbers) == 3 and all(number.isdigit() for number in numbers):
        return tuple(map(int, numbers))
    return SHAPES.get(name)


def main():
    if len(sys.argv) != 3 or not (size := size_of(sys.argv[1])):
        sys.exit(__doc__)
    random = np.random.default_rng(7)
    user, item = draw(*size, random)
    rating = random.choice([1, 2, 3, 4, 5], len(user), p=[0.02, 0.06, 0.25, 0.36, 0.31])
    time = 1_400_000_000 + np.sort(random.integers(0, 3 * 365 * 86_400, len(user)))
    with open(sys.argv[2], "w") as out:
        out.write("user_id,item_id,rating,timestamp\n")
        for lo in range(0, len(user), 500_000):
            part = slice(lo, lo + 500_000)
            rows = np.column_stack((user[part], item[part], rating[part], time[part]))
            out.write("".join("%d,%d,%d,%d\n" % tuple(row) for row in rows.tolist()))


if __name__ == "__main__":
    main()
