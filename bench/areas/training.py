"""The two offline commands of everyday work, whole: train and evaluate."""
from harness import Row, palate


def measure(context):
    data = context.data("small" if context.quick else "goodbooks")
    trained = palate("train", "--data", data)
    als = next(model for model in trained.answer["models"] if model["kind"] == "als")
    evaluated = palate("evaluate", "--data", data, "--k", "20")
    return [
        Row(f"train, {trained.answer['interactions']:,} interactions, als 64 factors", trained.wall_s, "s",
            f"dataset {trained.answer['dataset_seconds']:.2f} s, als {als['seconds']:.1f} s, peak {trained.peak_mib:.0f} MiB",
            lower_is_better=True),
        Row("evaluate: train on 90 %, rank the full catalogue, intervals", evaluated.wall_s, "s",
            f"peak {evaluated.peak_mib:.0f} MiB", lower_is_better=True),
    ]
