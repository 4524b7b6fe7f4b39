"""Does architecture search pay? Twelve tasks, equal CPU seconds, test data seen by nobody.

THE PRIMARY QUESTION, registered before any run: with the same CPU seconds, does N (this package,
defaults, architecture and hyperparameters together, the hand-made network first) reach better test
points than H1 (the same hand-made network, tuned by Tune and Optuna)? Points are accuracy in
percent, or 100 R^2; differences within 0.5 points are equal. It is answered by P(better, equal,
worse) of the Bayesian signed-rank test and by the exact Wilcoxon test over tasks.

SECOND: is S, the best network of N's search with at most half of H1's parameters, no worse than H1
(by more than 0.5 points)? THEN, with Holm's correction: N against R, H0 and A.

Arms, each with the same CPU seconds (one thread; everything is paid for), then three retrainings:

- H0: the hand-made network with its defaults (`pay_spaces.py`); no search.
- H1: H0 tuned by Optuna's TPE and ASHA: learning rate, decay, dropout, batch, mixup, width.
- R: random architectures and hyperparameters, ASHA.
- N: `RegularizedEvolution` over the same space, H0 first, ASHA.
- S: the best of N's networks with at most half of H1's parameters.
- A: as N, the architecture alone, with H0's hyperparameters.
- T: no network: boosting, ridge on random convolutions, or a support vector machine.
- W, M: added after the first resample, where S had found nothing. W is H0 at the largest width with
  at most half of H1's parameters, without a search; M searches as N does under that limit
  (`constraints=`), W first.
- K: added last, since N lost by luck on validation data: H0 is kept unless N's pick leads it there
  by more than one standard error (Breiman et al., 1984). If N is done, its search is run again.

A failure scores as the constant predictor. The results file is continued where it stands: one line
for each task, resample and arm. The full protocol takes about 12 core-hours.

    python benchmarks/does_it_pay.py --results pays.jsonl
    python benchmarks/does_it_pay.py --results pays.jsonl --report --plots docs
"""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from command_line import check_names, make_parser, parse, print_result
from pay_arms import ARMS, Searches, as_line
from pay_spaces import setting
from pay_summary import summary
from pay_tasks import ALL, TASKS, load


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    logging.getLogger("ray_nas").setLevel(logging.ERROR)
    if not options.report:
        run(options.results, options.tasks, options.resamples, options.seconds, options.arms)
    lines = [line for line in read(options.results) if line["resample"] < options.resamples]
    figures = {"seconds": options.seconds, **summary(lines)}
    print_table(figures)
    if options.plots is not None:
        from pay_plots import draw

        draw(figures, options.plots)
    print_result(figures)


def run(
    path: Path,
    tasks: Sequence[str],
    resamples: int,
    seconds: float,
    arms: Sequence[str] = ARMS,
) -> None:
    """Runs what the results file lacks, all tasks on a resample before the next.

    Args:
        path: The results file; made if there is none.
        tasks: Names of tasks.
        resamples: How many.
        seconds: CPU seconds of each search.
        arms: Some of `ARMS`, in that order.

    Raises:
        ValueError: The file holds results of another budget.
    """
    done = {(line["task"], line["resample"], line["arm"]): line for line in read(path)}
    budgets = {line["seconds"] for line in done.values()}
    if budgets - {seconds}:
        raise ValueError(f"seconds must be those of {path}, {budgets}, got {seconds}")
    for resample in range(resamples):
        for name in tasks:
            missing = [arm for arm in arms if (name, resample, arm) not in done]
            if missing:
                _run_task(path, name, resample, seconds, missing, done)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a results file; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def _run_task(
    path: Path, name: str, resample: int, seconds: float, missing: Sequence[str], done: Any
) -> None:
    task = load(name, resample)
    seed = resample * (1 + list(ALL).index(name))  # the first resample has seed 0 on all tasks
    searches = Searches(task, setting(task), seconds, seed)
    for arm in missing:
        start = time.process_time()
        tuned = done.get((name, resample, "H1"))
        outcome = searches.run(arm, None if tuned is None else tuned["parameters"])
        line = {"seconds": seconds, **as_line(name, resample, arm, outcome)}
        done[name, resample, arm] = line
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        points = f"{outcome.test:.1f} points" if outcome else "none"
        used = time.process_time() - start
        print(f"{name} {resample} {arm}: {points}, {used:.0f} CPU seconds in all", flush=True)


def print_table(figures: dict[str, Any]) -> None:
    """Prints test points of all arms as a Markdown table, and the answers below it."""
    print("| task | constant | " + " | ".join(ARMS) + " | N - H1 | parameters S / H1 |")
    print("|---" * (len(ARMS) + 4) + "|")
    second = figures["second"]["differences"]
    for name, arms in figures["tasks"].items():
        cells = [f"{arms[arm]['test']:.1f}" if arm in arms else "-" for arm in ARMS]
        share = f"{second[name]['parameters_of_h1']:.2f}" if name in second else "-"
        difference = _with_interval(figures["primary"]["differences"].get(name))
        cells = [name, f"{arms['constant'] or 0:.1f}", *cells, difference, share]
        print("| " + " | ".join(cells) + " |")
    _print_answer("N against H1", figures["primary"])
    _print_answer("S against H1", figures["second"])
    for name, one in {**figures["under_a_limit"], **figures["cautious"]}.items():
        _print_answer(name.replace("-", " against "), one)
    for name, one in figures["others"].items():
        if "holm_p" in one and one["of"]:
            _print_answer(name.replace("-", " against "), one)
            print(f"    Holm's p {one['holm_p']:.3f}")


def _print_answer(question: str, answer: dict[str, Any]) -> None:
    if not answer["of"]:
        return
    probable = ", ".join(f"{name} {answer[name]:.2f}" for name in ("better", "equal", "worse"))
    fine = answer.get("better_or_equal", answer.get("no_worse"))
    print(
        f"{question}: mean {answer['mean_difference'] or 0:+.2f} points; {probable}; "
        f"Wilcoxon p {answer['wilcoxon_p']:.3f}; no worse on {fine} of {answer['of']}"
    )


def _with_interval(difference: dict[str, Any] | None) -> str:
    if difference is None:
        return "-"
    ends = difference["interval"]
    interval = f" [{ends[0]:+.1f}, {ends[1]:+.1f}]" if ends else ""
    return f"{difference['mean']:+.1f}{interval}"


def _options() -> argparse.Namespace:
    parser = make_parser(__doc__, "2 resamples, 20 seconds: about an hour and a half")
    parser.add_argument("--results", type=Path, default=Path("does_it_pay.jsonl"))
    parser.add_argument("--seconds", type=float, default=90, help="CPU seconds of a search")
    parser.add_argument("--resamples", type=int, default=8, help="reported ones, too")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), help="default: the twelve")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), help="default: all")
    parser.add_argument("--report", action="store_true", help="run nothing, print the figures")
    parser.add_argument("--plots", type=Path, help="folder for does_it_pay_*.svg (matplotlib)")
    options = parse(parser, seconds=20, resamples=2)
    check_names(parser, "--tasks", options.tasks, ALL)
    check_names(parser, "--arms", options.arms, ARMS)
    return options


if __name__ == "__main__":
    main()
