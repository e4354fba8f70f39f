"""A ranking network (DCNv2, about 1 MFLOP a candidate) in CPU time of one thread beside ONNX Runtime with the same weights, fp32 and 8 bits; and
gradient-boosted trees beside LightGBM, which trained them."""
import ctypes
import json
import struct
import subprocess
import time

import harness
import numpy as np
from harness import Row, Wrong

CANDIDATES = 500
TREES, FEATURES = 500, 50
INT8_TIMES, SHARED_MS, TREES_TIMES = 1.2, 1.2, 2  # what is promised: times the peer in 8 bits, and a request of one user
TYPES = {"F32": np.float32, "I8": np.int8}
TOLERANCE = {"fp32": 1e-4, "int8": 0.05}  # of a probability: largest difference, and in 8 bits the root of the mean square


def tool(*arguments):
    command = [harness.BIN.parent / "inference_bench", *arguments]
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


def tensors(path):
    """The tensors of a safetensors file by name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    found = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name.startswith("_"):
            continue
        begin, end = entry["data_offsets"]
        found[name] = np.frombuffer(data[8 + length + begin:8 + length + end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return found


class Onnx:
    """The network of an artefact as an ONNX model; ids come in as [candidates] per field."""

    def __init__(self, artefact):
        from onnx import TensorProto, helper, numpy_helper

        self.helper, self.numpy_helper = helper, numpy_helper
        self.nodes, self.weights = [], []
        spec = json.loads((artefact / "manifest.json").read_text())["details"]["network"]
        values = tensors(artefact / "tensors.safetensors")
        self.fields = [field["name"] for field in spec["sparse"]]
        for op in spec["ops"]:
            getattr(self, op["op"])(op, [spec["ops"][i]["name"] for i in op.get("inputs", [])], values)
        self.node("Sigmoid", [spec["ops"][spec["outputs"][0]["value"]]["name"]], "score")
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n"]) for name in self.fields]
        outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])]
        graph = helper.make_graph(self.nodes, "network", inputs, outputs, self.weights)
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(self.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weight(self, name, array):
        self.weights.append(self.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def embed(self, op, _, values):
        name = self.fields[op.get("field", 0)]
        self.node("Gather", [self.weight(f"table.{name}", values[f"table.{name}"]), name], op["name"])

    def concat(self, op, inputs, _):
        self.node("Concat", inputs, op["name"], axis=1)

    def cross_low_rank(self, op, inputs, values):
        name = op["name"]
        low = self.node("MatMul", [inputs[1], self.weight(f"{name}.v", values[f"{name}.v"].T)], f"{name}_low")
        high = self.node("MatMul", [low, self.weight(f"{name}.u", values[f"{name}.u"].T)], f"{name}_high")
        sums = self.node("Add", [high, self.weight(f"{name}.bias", values[f"{name}.bias"])], f"{name}_sum")
        self.node("Add", [self.node("Mul", [inputs[0], sums], f"{name}_times"), inputs[1]], name)

    def linear(self, op, inputs, values):
        name, relu = op["name"], op.get("activation") == "relu"
        product = self.node("MatMul", [inputs[0], self.weight(f"{name}.weight", values[f"{name}.weight"].T)], f"{name}_product")
        sums = self.node("Add", [product, self.weight(f"{name}.bias", values[f"{name}.bias"])], f"{name}_sum" if relu else name)
        if relu:
            self.node("Relu", [sums], name)


def session(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def sessions(folder):
    """ONNX Runtime's own fp32 and its dynamic quantization to 8 bits of the same model, and the inputs of both."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    made = Onnx(folder / "model")
    onnx.save(made.model, folder / "fp32.onnx")
    quantize_dynamic(folder / "fp32.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])
    ids = np.fromfile(folder / "ids.i64", np.int64).reshape(len(made.fields), -1)
    return {name: session(folder / f"{name}.onnx") for name in ("fp32", "int8")}, dict(zip(made.fields, ids))


def time_of(peer, inputs, seconds):
    times = []
    while sum(times) < seconds or len(times) < 5:
        start = time.thread_time()  # one thread's CPU, as the tool counts
        scores = peer.run(None, inputs)[0]
        times.append(time.thread_time() - start)
    return min(times), scores[:, 0]


def check(way, ours, exact):
    off = np.abs(ours - exact)
    worst = np.sqrt((off**2).mean()) if way.startswith("int8") else off.max()
    if not worst <= TOLERANCE[way[:4]]:
        raise Wrong(f"{way}: scores differ from fp32 by {worst}")
    return worst


def compare(folder, quick):
    """Everything turn by turn, so that a neighbour on the machine strikes all; the best of all turns."""
    peers, inputs = sessions(folder)
    ours, theirs, peaks = {}, {}, {"fp32_gflops": 0, "int8_gops": 0}
    for _ in range(2 if quick else 6):
        peaks = {name: max(peak, peaks[name]) for name, peak in tool("peaks").items()}
        for row in tool("run", folder, CANDIDATES, 0.2 if quick else 1)["rows"]:
            if row["way"] not in ours or row["best_s"] < ours[row["way"]]["best_s"]:
                ours[row["way"]] = row
        for name, peer in peers.items():
            best, scores = time_of(peer, inputs, 0.2 if quick else 1)
            theirs[name] = (min(best, theirs.get(name, (best,))[0]), scores)
    return ours, theirs, peaks


def rows_of(folder, topology, quick):
    ours, theirs, peaks = compare(folder, quick)
    exact = theirs["fp32"][1]
    peer_off = check("int8 of the peer", theirs["int8"][1], exact)
    for way, row in ours.items():
        off = check(way, np.fromfile(folder / f"{way}.f32", np.float32), exact)
        kind, shared = way[:4], way.endswith("shared")
        peak = peaks["int8_gops" if kind == "int8" else "fp32_gflops"]
        peer_ms = 1e3 * theirs[kind][0]
        note = f"{row['flop'] / CANDIDATES / 1e6:.2f} MFLOP a candidate"
        if shared:
            note += f", {ours[kind]['best_s'] / row['best_s']:.2f} times all per candidate"
        if kind == "int8":
            note += f"; off by {off:.4f} (root of the mean square), the peer by {peer_off:.4f}"
        bar = None if kind == "fp32" else SHARED_MS if shared else peer_ms / INT8_TIMES
        yield Row(f"{topology}, {way}, {CANDIDATES} candidates", 1e3 * row["best_s"], "CPU ms", note, f"ONNX Runtime {kind}", peer_ms,
                  f"{row['flop'] / row['best_s'] / 1e9 / peak:.0%} of {peak:.0f} Gop/s", lower_is_better=True, bar=bar)


def large_rows(context, rows):
    """A table that is mapped, not read, when it is opened."""
    report = tool("large", context.work, rows, CANDIDATES, 5)
    shape = f"table of {rows:,} x 32 in 8 bits, {report['bytes'] / 1e9:.1f} GB"
    yield Row(f"{shape}: open", report["open_s"], "s", "without its checksum", lower_is_better=True, bar=1)
    yield Row(f"{shape}: {CANDIDATES} candidates, p99", 1e3 * report["p99_s"], "ms",
              f"p50 {1e3 * report['middle_s']:.2f} ms, p99 of its CPU time {1e3 * report['p99_cpu_s']:.2f} ms, {report['requests']:,} requests of other ids, the file in memory", lower_is_better=True, bar=5)


def trained_trees(leaves, quick):
    """A model of TREES trees, and CANDIDATES rows; a tenth of the numbers is missing, a fifth of the features are categories."""
    import lightgbm

    draw = np.random.default_rng(leaves)
    rows = draw.normal(size=(4000 if quick else 20_000, FEATURES)).astype(np.float32)
    categories = list(range(FEATURES // 5))
    rows[:, categories] = draw.integers(0, 200, (len(rows), len(categories)))
    rows[draw.random(rows.shape) < 0.1] = np.nan
    known = np.nan_to_num(rows)
    likely = known[:, 10:] @ draw.normal(size=FEATURES - 10) + known[:, 10] * known[:, 11] + known[:, 0] % 3 + draw.normal(size=len(rows))
    settings = {"objective": "binary", "num_leaves": leaves, "verbose": -1, "min_data_in_leaf": 5, "num_threads": 1}
    data = lightgbm.Dataset(rows, (likely > 0).astype(int), categorical_feature=categories)
    booster = lightgbm.train(settings, data, 50 if quick else TREES)
    return lightgbm.Booster(model_str=booster.model_to_string()), np.ascontiguousarray(rows[:CANDIDATES])


def time_of_lightgbm(booster, rows, seconds):
    """Its C function on one thread, in CPU time of that."""
    import lightgbm

    scores, count, times = np.zeros(len(rows)), ctypes.c_int64(), []
    pointer = [ctypes.c_void_p(array.ctypes.data) for array in (rows, scores)]
    while sum(times) < seconds or len(times) < 5:
        start = time.thread_time()
        status = lightgbm.basic._LIB.LGBM_BoosterPredictForMat(
            booster._handle, pointer[0], 0, *rows.shape, 1, 0, 0, -1, b"num_threads=1", ctypes.byref(count), pointer[1])
        times.append(time.thread_time() - start)
        if status != 0:
            raise Wrong("LightGBM does not predict")
    return min(times), scores


def tree_rows(folder, leaves, quick):
    booster, rows = trained_trees(leaves, quick)
    booster.save_model(folder / "model.txt")
    rows.tofile(folder / "rows.f32")
    ours = theirs = float("inf")
    for _ in range(2 if quick else 6):
        command = [harness.BIN.parent / "trees_score", folder / "model.txt", folder / "rows.f32", folder / "scores.f64", 0.1 if quick else 1]
        report = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)
        best, scores = time_of_lightgbm(booster, rows, 0.1 if quick else 1)
        ours, theirs = min(ours, report["best_s"]), min(theirs, best)
        if not np.array_equal(np.fromfile(folder / "scores.f64"), scores):
            raise Wrong("scores of trees are not LightGBM's to the bit")
    yield Row(f"{report['trees']} trees of {leaves} leaves, {FEATURES} features, {CANDIDATES} candidates", 1e3 * ours, "CPU ms", "the same bits",
              "LightGBM", 1e3 * theirs, lower_is_better=True, bar=1e3 * theirs / TREES_TIMES)


def measure(context):
    rows = []
    for topology in ("stacked", "parallel"):
        folder = context.work / f"inference-{topology}"
        folder.mkdir()
        tool("make", folder, topology, 10_000 if context.quick else 100_000, CANDIDATES)
        rows += rows_of(folder, topology, context.quick)
    for leaves in (31, 255):
        folder = context.work / f"trees-{leaves}"
        folder.mkdir()
        rows += tree_rows(folder, leaves, context.quick)
    return rows if context.quick else rows + list(large_rows(context, 100_000_000))
