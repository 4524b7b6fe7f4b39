"""How fast the report of a large search is written and opened, and how large it is.

    python benchmarks/report.py --quick           # 10,000 and 50,000 trials, about 2 minutes
    python benchmarks/report.py                   # five openings each, and optuna-dashboard

The trials are synthetic: cells of NAS-Bench-201 from random search and from parents, three reports
each, some stopped early. Opening time is measured in headless Chromium, from the start of the
navigation until the charts are there and the table of trials works; the median of some openings.

optuna-dashboard gets the same trials in memory, and is opened at the page of the study, until its
first plot is there, maybe still empty (at most --patience seconds). It needs its server; the report
does not.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import numpy as np
from command_line import make_parser, parse, print_result

from ray_nas.record import ExperimentRecord
from ray_nas.record.events import ExperimentStarted, TrialEnded, TrialProposed, TrialReported
from ray_nas.report import write_report
from ray_nas.spaces import NASBench201

SIZES = (10_000, 50_000)


def make_record(trials: int, seed: int = 0) -> ExperimentRecord:
    """A search with a baseline, random trials, and children of two parents."""
    rng = np.random.default_rng(seed)
    space = NASBench201()
    objectives = {"accuracy": "max", "params": "min"}
    record = ExperimentRecord()
    record.apply(
        ExperimentStarted(
            "RegularizedEvolution", space.fingerprint, objectives, seed, domains=space.domains
        )
    )
    values = {name: domain["values"] for name, domain in space.domains.items()}
    for number in range(trials):
        name = f"{number:08x}_{number:05d}"
        config = {key: known[rng.integers(len(known))] for key, known in values.items()}
        has_parents = number > trials // 20
        low = max(0, number - 1000)
        parents = [f"{one:08x}_{one:05d}" for one in rng.integers(low, number, 2)] if number else []
        move = "baseline" if number == 0 else ("crossover" if has_parents else "random")
        record.apply(TrialProposed(name, config, move, tuple(parents) if has_parents else ()))
        quality = 0.6 + 0.05 * sum("conv" in one for one in config.values())
        quality += float(rng.normal(0, 0.02))
        is_stopped = rng.random() < 0.6
        for epoch in range(1, 2 if is_stopped else 4):
            metrics = {
                "accuracy": quality * (1 - 0.5**epoch),
                "params": float(rng.integers(10_000, 1_000_000)),
                "loss": float(rng.random()),
                "training_iteration": epoch,
                "time_total_s": epoch * float(rng.uniform(20, 40)),
            }
            record.apply(TrialReported(name, metrics))
        reason = f"rung 1: {quality:.4g} is not among the best 1/3" if is_stopped else ""
        record.apply(TrialEnded(name, "completed", reason))
    return record


def measure(browser: Any, trials: int, openings: int, folder: Path) -> dict[str, float]:
    """Seconds to write and to open the report of so many trials, and its size."""
    record = make_record(trials)
    start = time.perf_counter()
    path = write_report(record, folder / "report.html")
    written = time.perf_counter() - start
    opened = []
    for _ in range(openings):
        page = browser.new_page()
        errors: list[str] = []
        page.on("console", lambda one, errors=errors: errors.append(one.text))
        page.on("pageerror", lambda one, errors=errors: errors.append(str(one)))
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=120_000)
        page.evaluate("new Promise(requestAnimationFrame)")
        opened.append(time.perf_counter() - start)
        if errors:
            raise RuntimeError(f"the page reports {errors}")
        page.close()
    return {
        "trials": trials,
        "write_seconds": round(written, 2),
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "open_seconds": round(statistics.median(opened), 2),
        "open_seconds_longest": round(max(opened), 2),
    }


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are not printed."""


@contextmanager
def dashboard(trials: int) -> Iterator[str]:
    """optuna-dashboard with the same trials in memory; yields its address."""
    import optuna
    from optuna_dashboard import wsgi

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(
        storage=storage, study_name="search", directions=["maximize", "minimize"]
    )
    record = make_record(trials)
    known = {
        name: optuna.distributions.CategoricalDistribution(domain["values"])
        for name, domain in NASBench201().domains.items()
    }
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=trial.config,
                distributions=known,
                values=[trial.metrics["accuracy"], trial.metrics["params"]],
            )
            for trial in record.trials.values()
        ]
    )
    server: WSGIServer = make_server("127.0.0.1", 0, wsgi(storage), handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/dashboard/studies/0"
    finally:
        server.shutdown()
        server.server_close()


def measure_dashboard(browser: Any, trials: int, patience: float) -> dict[str, Any]:
    """Seconds until optuna-dashboard shows its first plot; None if patience ran out."""
    from playwright.sync_api import Error

    with dashboard(trials) as address:
        page = browser.new_page()
        start = time.perf_counter()
        seconds: float | None
        try:
            page.goto(address, timeout=1000 * patience)
            left = max(patience - (time.perf_counter() - start), 1.0)
            page.wait_for_selector(".js-plotly-plot .main-svg", timeout=1000 * left)
            seconds = round(time.perf_counter() - start, 2)
        except Error:
            seconds = None
        page.close()
    return {"trials": trials, "open_seconds": seconds, "patience_seconds": patience}


def main() -> None:
    """Measures, prints a table, and the figures as JSON."""
    from playwright.sync_api import sync_playwright

    parser = make_parser(__doc__, quick="three openings, and no optuna-dashboard")
    parser.add_argument("--openings", type=int, default=5, help="openings of each page")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for the dashboard")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="path of the browser")
    options = parse(parser, openings=3)
    result: dict[str, Any] = {"report": [], "optuna_dashboard": []}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox"]
        )
        for trials in SIZES:
            found = measure(browser, trials, options.openings, Path(folder))
            print("report", found, flush=True)
            result["report"].append(found)
        for trials in () if options.quick else SIZES:
            other = measure_dashboard(browser, trials, options.patience)
            print("optuna-dashboard", other, flush=True)
            result["optuna_dashboard"].append(other)
        browser.close()
    print_result(result)


if __name__ == "__main__":
    main()
