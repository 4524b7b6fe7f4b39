"""Draws the picture at the top of the README: the marked code, three searches, and a winner.

    python benchmarks/readme_picture.py --quick                       # one short seed: a minute
    python benchmarks/readme_picture.py --figure docs/picture.svg     # three seeds, minutes

The searches are those of `examples/quickstart.py`, on the virtual clock of `benchmarks/demo.py`. A
curve is the mean over seeds of the best validation accuracy so far; a band goes from the lowest to
the highest seed. The last line is one JSON object of what is drawn.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

import demo
import numpy as np
import quickstart  # in examples/: `demo` has added the folder to the path
import torch
from command_line import make_parser, print_result

from ray_nas.simulation import simulate

CODE: Final = """\
class Network(nn.Module):
    def __init__(self):
        ...
        self.convolutions = Repeat("depth", 1, 5, self.convolution)
        self.head = ValueChoice("head", ["flatten", "mean", "max"])

    def convolution(self, i):
        width = ValueChoice(f"width_{i}", WIDTHS)
        kernel = ValueChoice(f"kernel_{i}", [3, 5, 7, 9])
        dilation = ValueChoice(f"dilation_{i}", [1, 2, 4])
        stride = ValueChoice(f"stride_{i}", [1, 2])
        ...

search_alg=RegularizedEvolution(ModelSpace(Network))
"""
MARKS: Final = ("Repeat(", "ValueChoice(", "RegularizedEvolution(", "ModelSpace(")
"""Lines with one of these are marked."""
STYLES: Final = {
    "evolution": {"color": "#3949ab", "linewidth": 2.2},
    "published network, tuned": {"color": "#d84315", "linestyle": "--"},
    "random search": {"color": "#757575"},
}
"""Of each search's curve."""


def curves(seed: int, epochs: int) -> dict[str, tuple[list[float], dict[str, Any]]]:
    """Of each search: the best accuracy after each epoch of all trials, and the best config."""
    data = quickstart.series(seed)
    found = {}
    for name, searcher in quickstart.searchers(seed).items():
        values: list[float] = []
        best: dict[str, Any] = {}

        def objective(config: dict[str, Any], values: Any = values, best: Any = best) -> Any:
            full = {**quickstart.RECIPE, "seed": seed, **config}
            for result in quickstart.training(full, data):
                so_far = values[-1] if values else 0.0
                if result["accuracy"] > so_far:
                    best.clear()
                    best.update(quickstart.architecture(full))
                values.append(max(so_far, result["accuracy"]))
                yield 1.0, result

        simulate(objective, searcher, quickstart.scheduler(), num_workers=2, max_seconds=epochs / 2)
        found[name] = (values, best)
    return found


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """The three panels as an SVG file."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "ray-nas", "font.size": 9})
    from matplotlib import pyplot

    figure, (code, curve, network) = pyplot.subplots(
        1, 3, figsize=(13, 3.6), width_ratios=(5.6, 4.2, 2.2), layout="constrained"
    )
    draw_code(code)
    draw_curves(curve, runs)
    draw_network(network, runs[0]["evolution"][1])
    figure.savefig(path, metadata={"Date": None}, facecolor="white")


def draw_code(axes: Any) -> None:
    """The marked code."""
    axes.set_axis_off()
    axes.set_ylim(0, 1)
    lines = CODE.splitlines()
    for row, line in enumerate(lines):
        y = 1 - (row + 0.5) / len(lines)
        if any(mark in line for mark in MARKS):
            axes.axhspan(y - 0.45 / len(lines), y + 0.45 / len(lines), color="#e8eaf6")
        axes.text(0.01, y, line, family="monospace", size=8, va="center", transform=axes.transAxes)
    axes.set_title("Mark what may vary", loc="left")


def draw_curves(axes: Any, runs: list[dict[str, Any]]) -> None:
    """The best accuracy so far, of each search."""
    for name, style in STYLES.items():
        length = min(len(run[name][0]) for run in runs)
        values = 100 * np.array([run[name][0][:length] for run in runs])
        epochs = np.arange(1, length + 1)
        axes.plot(epochs, values.mean(0), label=name, **style)
        axes.fill_between(
            epochs, values.min(0), values.max(0), color=style["color"], alpha=0.12, linewidth=0
        )
    axes.set_ylim(bottom=75)
    axes.set_xlabel("epochs trained, all trials together")
    axes.set_title("Best validation accuracy so far, %", loc="left")
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def draw_network(axes: Any, config: dict[str, Any]) -> None:
    """The winner of the first seed, as a column of boxes."""
    axes.set_axis_off()
    axes.set_ylim(0, 1)
    axes.set_title("Found", loc="left")
    boxes = [layer_text(config, i) for i in range(config["depth"])] + [f"head: {config['head']}"]
    for row, text in enumerate(boxes):
        y = 1 - (row + 0.5) / len(boxes)
        box = {"boxstyle": "round,pad=0.4", "facecolor": "#e8eaf6", "edgecolor": "#3949ab"}
        axes.text(0.5, y, text, size=8, ha="center", va="center", bbox=box)


def layer_text(config: dict[str, Any], i: int) -> str:
    """A convolution in words."""
    kernel, width = config[f"kernel_{i}"], config[f"width_{i}"]
    text = f"conv {kernel}, {width} wide"
    if config[f"dilation_{i}"] > 1:
        text += f", dilation {config[f'dilation_{i}']}"
    return text + (", stride 2" if config[f"stride_{i}"] > 1 else "")


def finished(path: Path | None) -> Any:
    """The finished seeds in a file; none without a file."""
    return json.loads(path.read_text()) if path and path.exists() else {}


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = make_parser(__doc__, quick="one seed, 40 epochs for a search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--results", type=Path, help="file of finished seeds, not run again")
    parser.add_argument("--figure", type=Path, default=Path("picture.svg"))
    options = parser.parse_args(arguments)
    options.epochs = demo.QUICK_EPOCHS if options.quick else quickstart.BUDGET
    options.seeds = options.seeds[:1] if options.quick else options.seeds
    return options


def main(arguments: list[str] | None = None) -> None:
    options = options_of(arguments)
    torch.set_num_threads(1)
    start = time.process_time()
    runs = finished(options.results)
    for seed in map(str, options.seeds):
        if seed not in runs:
            runs[seed] = curves(int(seed), options.epochs)
            if options.results:
                options.results.write_text(json.dumps(runs))
    runs = [runs[str(seed)] for seed in options.seeds]
    draw(runs, options.figure)
    seconds = (time.process_time() - start) / len(runs) / len(STYLES)
    best = {name: [round(run[name][0][-1], 4) for run in runs] for name in STYLES}
    print_result({"best validation accuracy": best, "CPU seconds of a search": round(seconds, 1)})


if __name__ == "__main__":
    main()
