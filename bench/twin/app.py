"""What a team would write instead of Palate: FastAPI and uvicorn, implicit's ALS, histories in Redis. The same two calls
with the same answers, as far as they go: personal, without what the user had, and an event counts in the next answer.

  TWIN_FOLDER=… TWIN_REDIS_PORT=… uvicorn app:app --workers 2     (after prepare.py; see serving.py)

It does less: no deduplication, no unknown items, no pages, reasons, metrics or releases.
"""
import os

for pool in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(pool, "1")  # the workers are the parallelism; more threads make each request many times slower

import implicit
import numpy as np
import redis.asyncio
import scipy.sparse
from fastapi import FastAPI, Query
from fastapi.responses import ORJSONResponse
from pydantic import BaseModel, Field

FOLDER = os.environ["TWIN_FOLDER"]
HISTORY_MAX = 500

model = implicit.cpu.als.AlternatingLeastSquares.load(f"{FOLDER}/model.npz")
model.num_threads = 1
model.user_factors = None  # computed from the history at each request, so that it is fresh
items = np.load(f"{FOLDER}/items.npy").tolist()
popular = np.load(f"{FOLDER}/popular.npy").tolist()
index = {name: i for i, name in enumerate(items)}
store = redis.asyncio.Redis(port=int(os.environ["TWIN_REDIS_PORT"]))
app = FastAPI(default_response_class=ORJSONResponse)


class Event(BaseModel):
    type: str
    user: str = Field(min_length=1, max_length=256)
    item: str = Field(min_length=1, max_length=256)
    ts: int | None = None
    event_id: str | None = None


class Batch(BaseModel):
    events: list[Event] = Field(min_length=1, max_length=10_000)


@app.get("/healthz")
async def healthz():
    return ORJSONResponse({"status": "ok"})


@app.post("/v1/events")
async def post_events(batch: Batch):
    pipe = store.pipeline(transaction=False)
    for event in batch.events:
        if (item := index.get(event.item)) is not None:
            pipe.rpush(f"history:{event.user}", item)
    await pipe.execute()
    return ORJSONResponse({"accepted": len(batch.events)})


@app.get("/v1/recommendations")
async def recommend(user: str, n: int = Query(10, ge=1, le=1000)):
    history = await store.lrange(f"history:{user}", -HISTORY_MAX, -1)
    if not history:
        return ORJSONResponse({"user": user, "items": [{"item": items[i]} for i in popular[:n]]})
    had = np.unique(np.array(history, dtype=np.int32))
    row = scipy.sparse.csr_matrix((np.ones(len(had), np.float32), had, [0, len(had)]), (1, len(items)))
    ids, scores = model.recommend(0, row, N=n, recalculate_user=True, filter_already_liked_items=True)
    slate = [{"item": items[i], "score": float(s)} for i, s in zip(ids, scores)]
    return ORJSONResponse({"user": user, "items": slate})
