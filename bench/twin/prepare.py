"""Trains the twin's model and fills Redis with histories: prepare.py RATINGS.csv FOLDER REDIS_PORT

The same ratings as Palate's own: what is rated 4 or more counts, with the rating as its weight.
"""
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # what implicit advises

import implicit
import numpy as np
import pandas
import redis
import scipy.sparse

FACTORS, EPOCHS, POSITIVE_FROM = 64, 5, 4


def main():
    ratings, folder, port = sys.argv[1:]
    table = pandas.read_csv(ratings)
    table = table[table.rating >= POSITIVE_FROM]
    users, user = np.unique(table.user_id.to_numpy(), return_inverse=True)
    items, item = np.unique(table.item_id.to_numpy(), return_inverse=True)
    weight = table.rating.to_numpy(np.float32)
    matrix = scipy.sparse.csr_matrix((weight, (user, item)), (len(users), len(items)))
    model = implicit.als.AlternatingLeastSquares(factors=FACTORS, iterations=EPOCHS, random_state=1)
    model.fit(matrix, show_progress=False)
    model.save(f"{folder}/model.npz")
    np.save(f"{folder}/items.npy", items.astype(str))
    np.save(f"{folder}/popular.npy", np.argsort(-np.bincount(item))[:1000])
    pipe = redis.Redis(port=int(port)).pipeline(transaction=False)
    for u, name in enumerate(users):
        row = matrix.indices[matrix.indptr[u] : matrix.indptr[u + 1]]
        pipe.rpush(f"history:{name}", *row.tolist())
        if u % 1000 == 999:
            pipe.execute()
    pipe.execute()


main()
