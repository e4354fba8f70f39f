"""Tunes a model of palate with Optuna: the study is a SQLite file, its trials are those of `palate tune`.

    python/tune_optuna.py --study als.db --trials 40 --model als --range als.factors=16:128 -- --data DIR --split hold-out

What stands behind `--` goes to every `palate evaluate` (settings, --test FILE, …). A study that was stopped goes on when the
same command is given again. Needs Optuna (pip install optuna); palate is found on the PATH or by --palate.
"""

import argparse
import json
import subprocess
import sys

import optuna

ERRORS = {"rmse", "mae", "log_loss", "calibration_error"}  # the smaller the better


def arguments():
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", required=True, help="the SQLite file")
    parser.add_argument("--model", default="als")
    parser.add_argument("--metric", default="ndcg@20")
    parser.add_argument("--trials", type=int, default=20, help="in all, those of earlier runs included")
    parser.add_argument("--rungs", type=int, default=1, help="pruning: how many shorter runs come before the full one")
    parser.add_argument("--halving", type=int, default=3, help="a shorter run has one in so many of the iterations")
    parser.add_argument("--range", action="append", default=[], dest="ranges")
    parser.add_argument("--validation-share", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--palate", default="palate")
    options = parser.parse_args(sys.argv[1:split])
    options.passed = sys.argv[split + 1 :]
    return options


def ask(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def search_of(options):
    """What is searched, and the setting that says how long a trial runs, by the settings that are passed."""
    command = [options.palate, "tune", "--space", "--model", options.model]
    for said in options.ranges:
        command += ["--range", said]
    for i, part in enumerate(options.passed):
        if part.startswith("--") and "." in part:
            command += [part] if "=" in part else options.passed[i : i + 2]
    return ask(command)


def suggest(trial, space):
    settings = {}
    for one in space:
        if one["choices"]:
            settings[one["name"]] = trial.suggest_categorical(one["name"], one["choices"])
        elif one["whole"]:
            settings[one["name"]] = trial.suggest_int(one["name"], round(one["low"]), round(one["high"]), log=one["log"])
        else:
            settings[one["name"]] = trial.suggest_float(one["name"], one["low"], one["high"], log=one["log"])
    return settings


def measure(options, settings, share, effort):
    name, _, k = options.metric.partition("@")
    command = [options.palate, "evaluate", "--models", options.model, "--json", "--discard", "--bootstrap", 100]
    command += ["--validation-share", options.validation_share, "--seed", options.seed, "--k", k or 20, *options.passed]
    for key, value in settings.items():
        command += [f"--{key}", value]
    if share < 1:
        command += [f"--{effort['name']}", max(1, round(effort["full"] * share))]
    report = ask(command)["reports"][0]
    for metric in report["metrics"] + report["ratings"]:
        if metric["name"] == name and metric["k"] == int(k or 0):
            return metric["mean"]
    raise RuntimeError(f"{options.model} has no {options.metric} on this data")


def main():
    options = arguments()
    search = search_of(options)
    if search["effort"] is None:
        options.rungs = 1
    study = optuna.create_study(
        study_name=f"{options.model}-{options.metric}",
        storage=f"sqlite:///{options.study}",
        load_if_exists=True,
        direction="minimize" if options.metric.partition("@")[0] in ERRORS else "maximize",
        sampler=optuna.samplers.TPESampler(seed=options.seed),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=options.halving),
    )

    def trial_value(trial):
        settings = suggest(trial, search["space"])
        for rung in range(options.rungs):
            value = measure(options, settings, options.halving ** (rung + 1 - options.rungs), search["effort"])
            if rung + 1 < options.rungs:
                trial.report(value, step=options.halving**rung)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return value

    over = [trial for trial in study.trials if trial.state.is_finished()]
    missing = options.trials - len(over)
    if missing > 0:
        study.optimize(trial_value, n_trials=missing, catch=(RuntimeError,))
    best = study.best_trial
    print(json.dumps({"trials": len(study.trials), "value": best.value, "settings": best.params}, indent=2))


if __name__ == "__main__":
    main()
