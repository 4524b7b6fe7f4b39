r"""Evaluates stopping by learning curve: regret, calibration, likelihood and cost of a decision.

    python benchmarks/learning_curve.py --table CURVES.npz --quick
    python benchmarks/learning_curve.py --table CURVES.npz --table OTHER_curves.csv.gz \
        --plot frontiers.svg

Every table of regrets includes trivial baselines: random trials trained to the end, the trials that
the prior's encoding alone ranks first trained to the end, and ASHA with other reduction factors. A
prior is not free: its epochs are listed too. The last line is one JSON object.
"""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from command_line import make_parser, print_result
from ConfigSpace import ConfigurationSpace
from family_posterior import log_likelihood, sample
from intervals import Z90, bootstrap_interval, normal_interval
from learning_curve_replay import Replay, ReplayTrial, Table, load_table
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, HyperBandScheduler, MedianStoppingRule

from ray_nas.estimators.curves import CurveForecaster, config_encoder, fit_families
from ray_nas.schedulers import LearningCurveASHA
from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.spaces import SearchSpace

PRIOR = "LearningCurveASHA, prior"
FEW = 15
ALONE = "encoding alone, one after another to the end"


class Watched(LearningCurveASHA):
    """Records every probability that it computes."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.asked = []

    def _judge_probability(self, trial_id):
        probability, rival = self._forecasts.win_probability(trial_id)
        reason = super()._judge_probability(trial_id)
        if rival is not None:
            self.asked.append((probability, int(trial_id), int(rival), reason is not None))
        return reason


def prior_frame(table: Table, rows) -> pd.DataFrame:
    """The long data frame of earlier trials."""
    return pd.DataFrame(
        [
            {"trial": int(row), "epoch": epoch + 1, "value": value, **table.configs[row]}
            for row in rows
            for epoch, value in enumerate(table.values[row])
        ]
    )


def by_encoding(table: Table, earlier, rows) -> list[int]:
    """Rows ranked by the forecast from their encodings alone, with the scheduler's own model."""
    encode, max_t = config_encoder([table.configs[row] for row in earlier]), table.values.shape[1]
    curves = [
        [(epoch + 1.0, float(value)) for epoch, value in enumerate(table.values[row])]
        for row in earlier
    ]
    model = CurveForecaster(
        curves, np.stack([encode(table.configs[row]) for row in earlier]), float(max_t)
    )
    foretold = [model.forecast([], model.baseline(encode(table.configs[row])))[0] for row in rows]
    return [int(row) for row in np.asarray(rows)[np.argsort(foretold)[::-1]]]


def make_schedulers(table: Table, first: int, prior, stop_below: float = 0.05) -> dict:
    """Fresh schedulers, by name. The reduction factor is 3 unless the name says another."""
    common = {"time_attr": "epoch", "metric": "value", "mode": "max"}
    max_t = table.values.shape[1]
    rungs = {**common, "max_t": max_t, "grace_period": first}
    return {
        "ASHA": ASHAScheduler(**rungs, reduction_factor=3),
        **{f"ASHA, eta {eta}": ASHAScheduler(**rungs, reduction_factor=eta) for eta in (4, 10)},
        "median": MedianStoppingRule(**common, grace_period=first),
        "HyperBand": HyperBandScheduler(**common, max_t=max_t, reduction_factor=3),
        "none": FIFOScheduler(),
        "LearningCurveASHA": Watched(**rungs, stop_below=stop_below),
        PRIOR: Watched(**rungs, stop_below=stop_below, prior=prior),
        **{
            f"{PRIOR}, eta {eta}": Watched(
                **rungs, stop_below=stop_below, prior=prior, reduction_factor=eta
            )
            for eta in (4, 10)
        },
    }


def to_the_end(table: Table, chosen, in_order: dict, counts: dict) -> dict:
    """(regret, epochs) of fully training the first `count` rows, for every order and count."""
    best, max_t = table.values[chosen, -1].max(), table.values.shape[1]
    return {
        f"{name}, {how}": (best - table.values[order[:count], -1].max(), count * max_t)
        for name, order in in_order.items()
        for how, count in counts.items()
    }


def regret(
    table: Table, seeds: int, firsts, trials: int, prior_size: int, names=None, stop_below=0.05
) -> tuple[dict, dict]:
    """Regret of the chosen trial and epochs spent, by scheduler, on the same trials in order."""
    figures, calibration = {}, {}
    orders = [np.random.default_rng(seed).permutation(len(table.values)) for seed in range(seeds)]
    foretold = [
        by_encoding(table, order[trials : trials + prior_size], order[:trials]) for order in orders
    ]
    for first in firsts:
        rows, asked = {}, []
        for seed, order in enumerate(orders):
            chosen, prior = order[:trials], prior_frame(table, order[trials : trials + prior_size])
            final = table.values[chosen, -1]
            epochs = FEW * table.values.shape[1]
            for name, scheduler in make_schedulers(table, first, prior, stop_below).items():
                if not (name.startswith("ASHA") or name in (names or (name,))):
                    continue
                run = Replay(
                    scheduler,
                    table.values,
                    lambda i, c=chosen: (table.configs[c[i]], c[i]) if i < len(c) else None,
                ).run()
                rows.setdefault(name, []).append(
                    (final.max() - table.values[run.pick(), -1], sum(run.epochs))
                )
                if name == PRIOR:
                    epochs = sum(run.epochs)
                    asked += [
                        (seed, p, final[i], final[j], stop) for p, i, j, stop in scheduler.asked
                    ]
            in_order = {"random": chosen, "encoding alone": foretold[seed]}
            counts = {
                f"{FEW} to the end": FEW,
                "as many epochs as with the prior": max(1, round(epochs / table.values.shape[1])),
            }
            for name, row in to_the_end(table, chosen, in_order, counts).items():
                rows.setdefault(name, []).append(row)
        base = np.array(rows["ASHA"])
        part = {}
        for name, values in rows.items():
            own = np.array(values)
            part[name] = {
                "regret": normal_interval(own[:, 0]),
                "epochs": normal_interval(own[:, 1]),
                "regret less ASHA's": normal_interval(own[:, 0] - base[:, 0]),
                "share of ASHA's epochs": round(float(own[:, 1].sum() / base[:, 1].sum()), 3),
                "epochs of the prior": prior_size * table.values.shape[1]
                if name.startswith((PRIOR, "encoding"))
                else 0,
            }
            print(f"{table.name}, first rung {first}, {name}: {part[name]}", flush=True)
        figures[f"first rung {first}"] = part
        if asked:
            calibration[f"first rung {first}"] = calibrate(np.array(asked), table)
            print(
                f"{table.name}, first rung {first}, calibration: "
                f"{calibration[f'first rung {first}']}",
                flush=True,
            )
    return figures, calibration


def calibrate(asked: np.ndarray, table: Table) -> dict:
    """Predicted and observed share by tenth of the probability, with intervals over seeds."""
    noise = float(np.median(np.diff(table.values[:, -10:], axis=1).std(1)) / np.sqrt(2))
    seeds, rng = np.unique(asked[:, 0]), np.random.default_rng(0)
    tenths = {}
    for low in np.arange(0, 1, 0.1):
        part = asked[(asked[:, 1] >= low) & (asked[:, 1] < low + 0.1 + (low > 0.85))]
        groups = [part[part[:, 0] == seed] for seed in seeds]
        hits = np.array([[(group[:, 2] > group[:, 3]).sum(), len(group)] for group in groups])
        if len(part) < 20:
            continue
        drawn = hits[rng.integers(len(hits), size=(1000, len(hits)))].sum(1)
        ends = np.quantile(drawn[:, 0] / np.maximum(drawn[:, 1], 1), [0.05, 0.95])
        predicted = float(part[:, 1].mean())
        tenths[f"{low:.1f}"] = {
            "decisions": len(part),
            "predicted": round(predicted, 3),
            "observed": round(float(hits[:, 0].sum() / hits[:, 1].sum()), 3),
            "interval": [round(float(end), 3) for end in ends],
            "inside": bool(ends[0] <= predicted <= ends[1]),
        }
    stops = asked[asked[:, 4] == 1]
    wrong = stops[:, 2] > stops[:, 3] + noise
    half = Z90 * np.sqrt(max(wrong.mean() * (1 - wrong.mean()), 1e-9) / len(wrong))
    return {
        "tenths": tenths,
        "extrapolated stops": len(stops),
        "wrongly stopped": [round(float(wrong.mean()), 4), round(float(half), 4)],
    }


def end_to_end(table: Table, seeds: int, trials: int, first: int = 3) -> dict:
    """Epochs until the regret against the whole table reaches a target, with searchers."""
    rows = {json.dumps(config, sort_keys=True): row for row, config in enumerate(table.configs)}
    names = list(table.configs[0])
    space = SearchSpace(
        ConfigurationSpace(
            {name: sorted({config[name] for config in table.configs}) for name in names}
        ),
        rules=[lambda config: json.dumps(config, sort_keys=True) in rows],
    )
    best, max_t = table.values[:, -1].max(), table.values.shape[1]
    common = {
        "time_attr": "epoch",
        "metric": "value",
        "mode": "max",
        "max_t": max_t,
        "grace_period": first,
    }
    teams = {
        "RandomSearch alone": (RandomSearch, None, 3, False),
        "RandomSearch + ASHA": (RandomSearch, ASHAScheduler, 3, False),
        "RegularizedEvolution alone": (RegularizedEvolution, None, 3, False),
        "RegularizedEvolution + ASHA": (RegularizedEvolution, ASHAScheduler, 3, False),
        "RegularizedEvolution + ASHA, eta 4": (RegularizedEvolution, ASHAScheduler, 4, False),
        "RegularizedEvolution + ASHA, eta 10": (RegularizedEvolution, ASHAScheduler, 10, False),
        "RegularizedEvolution + LearningCurveASHA": (
            RegularizedEvolution,
            LearningCurveASHA,
            3,
            False,
        ),
        "RegularizedEvolution + LearningCurveASHA, prior": (
            RegularizedEvolution,
            LearningCurveASHA,
            3,
            True,
        ),
    }
    reached: dict[str, list] = {name: [] for name in (*teams, ALONE)}
    targets = (1.0, 0.5, 0.3)
    for seed in range(seeds):
        earlier = np.random.default_rng(seed).permutation(len(table.values))[:250]
        prior = prior_frame(table, earlier)
        foretold = by_encoding(table, earlier, np.arange(len(table.values)))
        gap = np.repeat(best - np.maximum.accumulate(table.values[foretold[:trials], -1]), max_t)
        reached[ALONE].append([_first(gap, target) + max_t - 1 for target in targets])
        for name, (searcher_class, scheduler_class, eta, with_prior) in teams.items():
            searcher = searcher_class(space, metric="value", mode="max", seed=seed)
            rungs = {**common, "reduction_factor": eta, **({"prior": prior} if with_prior else {})}
            scheduler = scheduler_class(**rungs) if scheduler_class else FIFOScheduler()

            def propose(i, searcher=searcher):
                config = searcher.suggest(f"{i:05d}") if i < trials else None
                return (
                    (config, rows[json.dumps(config, sort_keys=True)])
                    if isinstance(config, dict)
                    else None
                )

            run = Replay(scheduler, table.values, propose, searcher).run()
            gap = np.array([best - table.values[row, -1] for _, row in run.trace])
            reached[name].append([_first(gap, target) for target in targets])
    figures = {
        name: {
            f"regret {t}": _median(np.array(v, dtype=float)[:, k]) for k, t in enumerate(targets)
        }
        for name, v in reached.items()
    }
    ours, base = (
        figures[name]["regret 0.5"][0]
        for name in (
            "RegularizedEvolution + LearningCurveASHA, prior",
            "RegularizedEvolution + ASHA",
        )
    )
    figures["epochs to regret 0.5, share of RegularizedEvolution + ASHA"] = round(ours / base, 3)
    figures["epochs of the prior"] = 250 * max_t
    print(f"{table.name}, end to end: {figures}", flush=True)
    return figures


def _first(gap: np.ndarray, target: float) -> int:
    """Epochs until the regret is at most the target, or twice those spent if it never is."""
    return int(np.argmax(gap <= target)) + 1 if (gap <= target).any() else len(gap) * 2


def _median(values: np.ndarray) -> list[float]:
    """The median and its 90 % interval, by bootstrap."""
    ends = bootstrap_interval(values, np.median)
    return [float(np.median(values)), *np.round(ends, 0).tolist()]


def likelihood(table: Table, curves: int, steps: int) -> dict:
    """Mean log-likelihood of the rest of a curve: the exact mixture compared with MCMC.

    Both use the same curve families and priors.
    """
    rng = np.random.default_rng(0)
    values = table.values[rng.permutation(len(table.values))[:curves]]
    low, high = np.quantile(table.values[:, 0], 0.05), np.quantile(table.values[:, -1], 0.95)
    values = np.clip((values - low) / (high - low) * 0.8, -1, 2)
    max_t = values.shape[1]
    times, figures = np.arange(1, max_t + 1.0), {}
    for percent in (10, 20, 40, 80):
        seen = max(2, max_t * percent // 100)
        part = np.where(times <= seen, values, np.nan)
        begin = time.process_time()
        posterior = fit_families(times, part, float(max_t))
        posterior.forecast(float(max_t))
        cost = time.process_time() - begin
        exact = np.mean([log_likelihood(posterior, t, values[:, int(t) - 1]) for t in times[seen:]])
        begin = time.process_time()
        reference = mcmc_log_likelihood(times, values, seen, steps, rng)
        figures[f"{percent} %"] = {
            "exact": round(float(exact), 3),
            "MCMC": round(float(reference), 3),
            "ms a curve": round(1e3 * cost / curves, 3),
            "ms a curve, MCMC": round(1e3 * (time.process_time() - begin) / curves, 1),
        }
        print(f"{table.name}, likelihood at {percent} %: {figures[f'{percent} %']}", flush=True)
    return figures


def mcmc_log_likelihood(times, values, seen, steps, rng, walkers=24) -> float:
    """Log-likelihood by affine-invariant ensemble MCMC (Goodman & Weare, 2010).

    There is one ensemble per curve and family; families are weighted by BIC.
    """
    from ray_nas.estimators.curves import parametric_curves as f

    max_t, curves = float(times[-1]), len(values)
    span = (times - 1) / (max_t - 1)
    shapes = {
        "power law": (lambda u: times ** -_log_range(u[..., :1], 0.05, 4.0), 1),
        "exponential": (lambda u: np.exp(-_log_range(u[..., :1], 0.5, 200.0) * span), 1),
        "Janoschek": (
            lambda u: np.exp(
                -_log_range(u[..., :1], 0.5, 60.0) * span ** _log_range(u[..., 1:2], 0.3, 1.5)
            ),
            2,
        ),
        "log power": (lambda u: _log_power(u, times, max_t), 2),
    }
    densities, weights = [], []
    for shape, extra in shapes.values():
        size = 3 + extra  # a, b, position in the noise range, positions in the shape's ranges

        def log_posterior(x, shape=shape):
            inside = ((x[..., 2:] > 0) & (x[..., 2:] < 1)).all(-1)
            unit = np.clip(x[..., 2:], 1e-6, 1 - 1e-6)
            sigma = _log_range(unit[..., :1], 0.002, 0.1)
            curve = x[..., :1] - x[..., 1:2] * shape(unit[..., 1:])
            error = (values[:, None, :seen] - curve[..., :seen]) / sigma
            fit = -0.5 * (error**2).sum(-1) - seen * np.log(sigma[..., 0] * np.sqrt(2 * np.pi))
            prior = -0.5 * (
                ((x[..., 0] - f._ASYMPTOTE[0]) / f._ASYMPTOTE[1]) ** 2
                + ((x[..., 1] - f._GAIN[0]) / f._GAIN[1]) ** 2
            )
            return np.where(inside, fit + prior, -np.inf), fit, curve, sigma

        x = np.concatenate(
            [
                rng.normal([0.7, 0.4], 0.2, (curves, walkers, 2)),
                rng.uniform(0.1, 0.9, (curves, walkers, size - 2)),
            ],
            axis=-1,
        )
        now, best = log_posterior(x)[0], np.full(curves, -np.inf)
        kept = []
        for step in range(steps):
            for half in (0, 1):
                mine, other = slice(half, None, 2), slice(1 - half, None, 2)
                z = (rng.random((curves, walkers // 2)) + 1) ** 2 / 2
                partner = np.take_along_axis(
                    x[:, other],
                    rng.integers(walkers // 2, size=(curves, walkers // 2))[..., None],
                    axis=1,
                )
                proposal = partner + z[..., None] * (x[:, mine] - partner)
                there, fit, *_ = log_posterior(proposal)
                accept = np.log(rng.random(z.shape)) < (size - 1) * np.log(z) + there - now[:, mine]
                x[:, mine] = np.where(accept[..., None], proposal, x[:, mine])
                now[:, mine] = np.where(accept, there, now[:, mine])
                best = np.maximum(best, np.where(np.isfinite(there), fit, -np.inf).max(1))
            if step >= steps // 2 and step % 10 == 0:
                _, _, curve, sigma = log_posterior(x)
                kept.append(
                    -0.5 * ((values[:, None, seen:] - curve[..., seen:]) / sigma) ** 2
                    - np.log(sigma * np.sqrt(2 * np.pi))
                )
        draws = np.concatenate(kept, axis=1)
        densities.append(np.exp(draws).mean(1))
        weights.append(best - 0.5 * size * np.log(seen))
    weight = np.exp(np.array(weights) - np.max(weights, axis=0))
    weight /= weight.sum(0)
    return float(np.log((weight[..., None] * np.array(densities)).sum(0) + 1e-300).mean())


def _log_range(u, low, high):
    return low * (high / low) ** u


def _log_power(u, times, max_t):
    c, e = _log_range(u[..., :1], 0.5, 4.0), _log_range(u[..., 1:2], 0.5, 2 * max_t)
    return (1 + (1 / e) ** c) / (1 + (times / e) ** c)


def costs(table: Table, live: int = 1000) -> dict:
    """CPU milliseconds per report with many live trials that report in turn."""
    rng = np.random.default_rng(0)
    prior, picks = (
        prior_frame(table, rng.permutation(len(table.values))[:250]),
        rng.integers(len(table.values), size=live),
    )
    figures = {}
    for name, given in (("no prior", None), ("prior", prior)):
        scheduler = LearningCurveASHA(
            time_attr="epoch",
            metric="value",
            mode="max",
            max_t=table.values.shape[1],
            grace_period=3,
            stop_below=1e-9,
            prior=given,
        )
        trials = [ReplayTrial(index, table.configs[row]) for index, row in enumerate(picks)]
        for trial in trials:
            scheduler.on_trial_add(None, trial)
        spent, rungs = [], []
        for epoch in range(1, 12):
            for trial, row in zip(trials, picks, strict=True):
                result = {"epoch": epoch, "value": float(table.values[row, epoch - 1])}
                begin = time.perf_counter_ns()
                decision = scheduler.on_trial_result(None, trial, result)
                (rungs if epoch in (3, 9) else spent).append((time.perf_counter_ns() - begin) / 1e6)
                if decision == "STOP":  # Continue anyway, to keep the number of live trials.
                    scheduler._stopped.pop(trial.trial_id, None)
        figures[name] = {
            "median ms, no rung": round(float(np.median(spent)), 4),
            "median ms, at a rung": round(float(np.median(rungs)), 4),
            "median ms, all": round(float(np.median(spent + rungs)), 4),
        }
    values = (
        np.where(np.arange(table.values.shape[1]) < 30, table.values[picks[:100]], np.nan)
        / np.abs(table.values).max()
    )
    times, spent = np.arange(1, table.values.shape[1] + 1.0), []
    for _ in range(10):
        begin = time.process_time()
        posterior = fit_families(times, values, float(times[-1]))
        sample(posterior, times[-1:], 100, rng)
        spent.append(1e3 * (time.process_time() - begin))
    figures["ms, posterior of 100 live curves with 100 draws each"] = round(
        float(np.median(spent)), 2
    )
    print(f"cost: {figures}", flush=True)
    return figures


def plot(figures: dict, path: Path) -> None:
    """Draws epochs spent against regret: a panel per table, a line per scheduler over rungs."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    picture, panels = pyplot.subplots(
        1, len(figures), figsize=(6 * len(figures), 4.5), squeeze=False, layout="constrained"
    )
    for (name, part), panel in zip(figures.items(), panels[0], strict=True):
        for scheduler in next(iter(part["regret"].values())):
            points = [rung[scheduler] for rung in part["regret"].values()]
            centers, halves = zip(*(point["regret"] for point in points), strict=True)
            epochs = [point["epochs"][0] for point in points]
            panel.errorbar(
                epochs, centers, halves, label=scheduler, marker="o", capsize=3, alpha=0.8
            )
        panel.set(title=name, xlabel="epochs paid", ylabel="regret of the pick", xscale="log")
    panels[0][0].legend()
    picture.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    print(f"wrote {path}")


def main() -> None:
    parser = make_parser(__doc__, quick="8 seeds, short MCMC: minutes on two cores")
    parser.add_argument(
        "--table",
        type=Path,
        action="append",
        required=True,
        help="curves: .npz or ..._curves.csv.gz; may be repeated",
    )
    parser.add_argument("--seeds", type=int, default=50, help="paired seeds")
    parser.add_argument("--first-rung", type=int, action="append", help="default 1, 3 and 10")
    parser.add_argument(
        "--schedulers",
        nargs="+",
        help="these beside ASHA, e.g. 'LearningCurveASHA, prior'; all (the median rule is slow)",
    )
    parser.add_argument(
        "--stop-below", type=float, default=0.05, help="of LearningCurveASHA (0.05)"
    )
    parser.add_argument(
        "--only", choices=["regret", "end-to-end", "likelihood", "cost"], help="one part alone"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        help="where to draw the frontiers, e.g. frontiers.svg (needs matplotlib)",
    )
    arguments = parser.parse_args()
    seeds = 8 if arguments.quick else arguments.seeds
    figures: dict = {}
    for path in arguments.table:
        table = load_table(path)
        part = figures[table.name] = {}
        trials = min(256, len(table.values) // 2)
        prior_size = min(250, len(table.values) - trials)
        part["trials"], part["prior"], part["seeds"] = trials, prior_size, seeds
        if arguments.only in (None, "cost"):
            part["cost"] = costs(table)
        if arguments.only in (None, "likelihood"):
            part["likelihood"] = likelihood(
                table, 20 if arguments.quick else 60, 300 if arguments.quick else 2000
            )
        if arguments.only in (None, "end-to-end") and len(table.values) >= 1000:
            part["end to end"] = end_to_end(table, seeds, trials)
        if arguments.only in (None, "regret"):
            part["regret"], part["calibration"] = regret(
                table,
                seeds,
                arguments.first_rung or (1, 3, 10),
                trials,
                prior_size,
                arguments.schedulers,
                arguments.stop_below,
            )
    if arguments.plot and all("regret" in part for part in figures.values()):
        plot(figures, arguments.plot)
    print_result(figures)


if __name__ == "__main__":
    main()
