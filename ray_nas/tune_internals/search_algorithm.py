"""Where a scheduler's state lives: with the searcher, else in a file beside Tune's own snapshot.

Tune saves trials and searcher every few seconds, in one go, and never the scheduler (ray issue
30838). A searcher of this package takes the state along as a companion. With any other search
algorithm the state goes into a file that is written in the same go: the algorithm's public
`save_to_dir`, which Tune calls at each snapshot with the folder and the session's name, is followed
by ours. Tune brings back `*.json` from an experiment's folder before it adds the first restored
trial.

All that is known here of Ray: `tune_controller.search_alg`, `SearchAlgorithm.save_to_dir(dirpath,
session_str=...)`, the attribute `searcher` of wrappers, and `Trial.local_experiment_path`.
`tests/schedulers/test_experiment_state.py` fails when Ray changes them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ray_nas.state import state_file

State = dict[str, Any]

FILE_TEMPLATE: Final = "scheduler-state-{}.json"


def innermost_searcher(search_alg: Any) -> Any:
    """The searcher inside of Tune's generator and limiters, or the search algorithm itself if it
    has none.
    """
    while hasattr(search_alg, "searcher"):
        search_alg = search_alg.searcher
    return search_alg


def attach(
    search_alg: Any,
    trial: Any,
    name: str,
    get_state: Callable[[], State],
    set_state: Callable[[State], None],
) -> None:
    """Has the state saved at each of Tune's snapshots from now on, and hands over what was saved if
    this is a restored run.

    Args:
        search_alg: The controller's search algorithm.
        trial: Any trial of the experiment, for its folder.
        name: The scheduler's class name.
        get_state: Gives JSON values.
        set_state: Takes them.
    """
    searcher = innermost_searcher(search_alg)
    if hasattr(searcher, "attach_companion"):
        searcher.attach_companion(name, get_state, set_state)
        return
    folder = getattr(trial, "local_experiment_path", None)
    if folder is None or not hasattr(search_alg, "save_to_dir"):
        return  # driven without Tune: whoever drives keeps `get_state`
    save_algorithm = search_alg.save_to_dir

    def save_to_dir(dirpath: str, session_str: str = "default", **more: Any) -> None:
        save_algorithm(dirpath, session_str=session_str, **more)
        state_file.write(
            Path(dirpath) / FILE_TEMPLATE.format(session_str),
            {"scheduler": name, "state": get_state()},
        )

    search_alg.save_to_dir = save_to_dir
    newest = max(
        Path(folder).glob(FILE_TEMPLATE.format("*")), default=None
    )  # session names are times
    if newest is not None:
        saved = state_file.read(newest)
        if saved["scheduler"] != name:
            raise state_file.StateError(
                f"{newest} is the state of a {saved['scheduler']}, not of a {name}"
            )
        set_state(saved["state"])
