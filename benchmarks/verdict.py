"""Do verdict and health checks say what is true? Simulated searches whose truth is known.

    python benchmarks/verdict.py                             # the spaces of the design
    python benchmarks/verdict.py --suite fresh               # other spaces, noise and sizes
    python benchmarks/verdict.py --suite table --table nasbench201.csv.gz
    python benchmarks/verdict.py --quick

RandomSearch and RegularizedEvolution, with and without Ray's ASHA, 20 seeds each. Each case makes
one check right to warn: noise alone, a low fidelity that misleads, best choices at a border,
validation results that do not carry over, a baseline that is the best network. A planted winner and
a healthy control give no reason to warn. Prints how often each check warns where it is right
(detection) and where it is not (false alarms), with 95 % intervals (Clopper-Pearson). With --table,
real results of NAS-Bench-201, some of them exchanged between cells. The last line is one
JSON object.
"""

import argparse
import logging
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from command_line import add_cache, add_table, make_parser, print_result
from known_truth import EPOCHS, Kind, Task, mixed_space
from nasbench201_truth import TableTask, read_cells
from ray.tune.schedulers import ASHAScheduler
from result_cache import ResultCache
from scipy.stats import binomtest

from ray_nas.record import ExperimentRecord, load
from ray_nas.report.health import health_checks
from ray_nas.report.verdict import verdict
from ray_nas.searchers import RandomSearch, RegularizedEvolution
from ray_nas.simulation import simulate

RIGHT: dict[Kind, str] = {
    "noise": "more than noise",
    "misled": "short trainings rank like full ones",
    "border": "best choices inside the space",
    "overfit": "validation and test agree",
    "unbeaten": "baseline beaten after retraining",
}
"""The check that is right to warn in each case."""
RETRAINED: tuple[Kind, ...] = ("planted", "control", "unbeaten")
KINDS: tuple[Kind, ...] = ("planted", "control", *RIGHT)
SEARCHERS = {"RandomSearch": RandomSearch, "RegularizedEvolution": RegularizedEvolution}


@dataclass(frozen=True)
class Setting:
    """A kind of space, noise, and sizes of searches."""

    name: str
    sizes: tuple[int, ...]
    unordered: int = 4
    ordered: int = 3
    options: int = 5
    noise: float = 0.5
    first_seed: int = 0


SUITES = {
    "design": [Setting("design", (60, 200))],
    "fresh": [
        Setting("many ordered", (200,), 2, 6, 4, 0.5, 1_000),
        Setting("small space", (100,), 1, 2, 7, 0.25, 2_000),
        Setting("much noise", (150,), 6, 2, 5, 1.0, 3_000),
    ],
    "table": [Setting("table", (120,), first_seed=4_000)],
}


@dataclass(frozen=True)
class Run:
    """What one search was told."""

    setting: str
    kind: str
    searcher: str
    asha: bool
    trials: int
    seed: int
    gain: float
    """The winner's true gain over the baseline."""
    checks: dict[str, str]
    """Name to status."""
    searched: str
    """The first words of the verdict without retraining."""
    retrained: str
    """The same after retraining."""


def run_search(task: Any, searcher: str, asha: bool, trials: int) -> ExperimentRecord:
    search = SEARCHERS[searcher](
        task.space, "accuracy", "max", seed=task.seed, baseline=task.baseline
    )
    scheduler = None
    if asha:
        scheduler = ASHAScheduler(
            time_attr="epoch", max_t=EPOCHS, grace_period=task.first_rung, reduction_factor=3
        )
    simulate(task.train, search, scheduler, num_workers=4, max_trials=trials, seed=task.seed)
    with tempfile.TemporaryDirectory() as folder:
        search.save(f"{folder}/state.json")
        return load(folder)


def judge(task: Any, setting: str, searcher: str, asha: bool, trials: int) -> Run:
    record = run_search(task, searcher, asha, trials)
    winner = record.ranked()[0]
    again = task.retrain(winner.trial_id, winner.config)
    checks = health_checks(record, again if task.kind in RETRAINED else None)
    return Run(
        setting,
        task.kind,
        searcher,
        asha,
        trials,
        task.seed,
        task.tested(winner.config) - task.tested(task.baseline),
        {check.name: check.status for check in checks},
        verdict(record).sentence.partition(":")[0],
        verdict(record, again).sentence.partition(":")[0],
    )


def all_runs(options: argparse.Namespace) -> Iterator[Run]:
    cache = ResultCache(options.cache)
    cells = read_cells(options.table) if options.suite == "table" else None
    for setting in SUITES[options.suite]:
        for kind in KINDS if cells is None else TableTask.KINDS:
            for trials in options.trials or setting.sizes:
                for searcher in SEARCHERS:
                    for asha in (False, True):
                        for seed in range(options.seeds):
                            number = setting.first_seed + seed
                            run = partial(
                                one_run, setting, kind, number, cells, searcher, asha, trials
                            )
                            key = (setting.name, kind, trials, searcher, asha, number)
                            yield Run(**cache.get_or_run(*key, run=run))


def one_run(
    setting: Setting,
    kind: Kind,
    seed: int,
    cells: Any,
    searcher: str,
    asha: bool,
    trials: int,
) -> dict[str, Any]:
    task = make_task(setting, kind, seed, cells)
    return asdict(judge(task, setting.name, searcher, asha, trials))


def make_task(setting: Setting, kind: Kind, seed: int, cells: Any) -> Any:
    if cells is not None:
        return TableTask(cells, kind, seed)
    space = mixed_space(setting.unordered, setting.ordered, setting.options)
    return Task(space, kind, seed, setting.noise)


def is_right(run: Run, check: str) -> bool:
    """Whether the check should warn."""
    if run.kind == "misled" and not run.asha:
        return False
    if check == RIGHT["unbeaten"]:
        return run.kind in RETRAINED and run.gain <= 0
    return RIGHT.get(run.kind) == check  # type: ignore[call-overload]


def rate(hits: int, count: int) -> dict[str, Any]:
    """A count with the 95 % interval of its rate."""
    if count == 0:
        return {"hits": 0, "of": 0}
    interval = binomtest(hits, count).proportion_ci()
    return {
        "hits": hits,
        "of": count,
        "rate": round(hits / count, 3),
        "low": round(float(interval.low), 3),
        "high": round(float(interval.high), 3),
    }


def told(found: dict[str, Any]) -> str:
    if not found["of"]:
        return "-"
    return f"{found['hits']}/{found['of']} [{found['low']:.2f}, {found['high']:.2f}]"


def summarise(runs: list[Run]) -> dict[str, Any]:
    """Detection and false alarms of each check, and the verdicts."""
    result: dict[str, Any] = {}
    for check in runs[0].checks:
        right = [run for run in runs if is_right(run, check)]
        wrong = [run for run in runs if not is_right(run, check)]
        cells: dict[Any, int] = Counter(
            (run.setting, run.kind, run.searcher, run.asha, run.trials)
            for run in wrong
            if run.checks[check] == "warn"
        )
        result[check] = {
            "detection": rate(*warned(right, check)),
            "missing": rate(sum(run.checks[check] == "missing" for run in right), len(right)),
            "false_alarms": rate(*warned(wrong, check)),
            "most_in_20_seeds": max(cells.values(), default=0),
        }
    return result


def warned(runs: list[Run], check: str) -> tuple[int, int]:
    return sum(run.checks[check] == "warn" for run in runs), len(runs)


def summarise_verdicts(runs: list[Run]) -> dict[str, Any]:
    """How often "Better" is said where it is true and where it is not."""
    result = {}
    for which in ("searched", "retrained"):
        for name, chosen in (
            ("noise", [run for run in runs if run.kind == "noise"]),
            ("unbeaten, not better", [r for r in runs if r.kind == "unbeaten" and r.gain <= 0]),
            ("planted or control, better", [r for r in runs if r.kind in ("planted", "control")]),
        ):
            hits = sum(getattr(run, which) == "Better" for run in chosen)
            result[f"{which}: {name}"] = rate(hits, len(chosen))
    return result


def print_details(runs: list[Run]) -> None:
    """Detection by size, searcher and scheduler."""
    groups: dict[Any, list[Run]] = defaultdict(list)
    for run in runs:
        check = RIGHT.get(run.kind)  # type: ignore[call-overload]
        if check and is_right(run, check):
            groups[run.setting, check, run.searcher, run.asha, run.trials].append(run)
    for (setting, check, searcher, asha, trials), group in groups.items():
        found = told(rate(*warned(group, check)))
        missing = sum(run.checks[check] == "missing" for run in group)
        scheduler = "ASHA" if asha else ""
        print(
            f"  {setting:13} {check:36} {searcher:21} {scheduler:5} {trials:4}"
            f"  {found:22} not decided {missing}"
        )


def parse_options() -> argparse.Namespace:
    parser = make_parser(__doc__, quick="5 seeds, 120 trials")
    parser.add_argument("--suite", choices=list(SUITES), default="design")
    parser.add_argument("--seeds", type=int, default=20, help="searches per case and setting")
    parser.add_argument("--trials", type=int, nargs="+", help="sizes in place of the suite's")
    add_table(parser, "arch_str, val_acc_12ep, val_acc_200ep_seed*, and test_acc_200ep")
    add_cache(parser)
    options = parser.parse_args()
    if options.suite == "table" and options.table is None:
        parser.error("--suite table needs --table")
    if options.quick:
        options.seeds, options.trials = min(options.seeds, 5), options.trials or [120]
    return options


def main() -> None:
    options = parse_options()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    runs = list(all_runs(options))
    checks, verdicts = summarise(runs), summarise_verdicts(runs)
    print(
        f"{len(runs)} searches: detection where the check is right to warn, false alarms elsewhere"
    )
    for name, row in checks.items():
        alarms = told(row["false_alarms"])
        print(
            f"{name:38} detection {told(row['detection']):22} false alarms {alarms:24} "
            f"most in a cell {row['most_in_20_seeds']}"
        )
    print("Detection by setting, check, searcher, scheduler and trials")
    print_details(runs)
    print('How often the verdict says "Better"')
    for name, row in verdicts.items():
        print(f"  {name:38} {told(row)}")
    print_result({"suite": options.suite, "checks": checks, "verdicts": verdicts})


if __name__ == "__main__":
    main()
