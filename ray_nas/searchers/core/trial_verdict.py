"""Judges how a trial ended: where a trial's end is decided."""

from dataclasses import dataclass

from ray_nas.record.events import Status
from ray_nas.searchers.core.evaluation import Evaluator
from ray_nas.searchers.core.ledger import Result
from ray_nas.searchers.core.memory_limit import size_of
from ray_nas.searchers.core.objectives import Evaluation
from ray_nas.searchers.core.problem import SearchProblem
from ray_nas.searchers.core.proposal import Proposal
from ray_nas.tune_internals.trial_errors import is_out_of_memory, trial_error


@dataclass(frozen=True)
class Verdict:
    """How a trial ended."""

    status: Status
    reason: str = ""
    """Why, if it did not complete."""
    evaluation: Evaluation | None = None
    """None if it failed."""
    size: float | None = None
    """The cost that measures its memory."""
    out_of_memory: bool = False


def judge_failure(problem: SearchProblem, proposal: Proposal) -> Verdict:
    """The verdict on a trial that raised an error: out of memory is infeasible, not an error."""
    if not is_out_of_memory(trial_error()):
        return Verdict("error", "the trainable raised an error")
    size = size_of(problem.costs(proposal.config))
    if size is None:
        return Verdict("infeasible", "out of memory", out_of_memory=True)
    name, value = size
    reason = f"out of memory at {name} = {value:g}"
    return Verdict("infeasible", reason, size=value, out_of_memory=True)


def judge_end(
    problem: SearchProblem, evaluator: Evaluator, proposal: Proposal, metrics: Result
) -> Verdict:
    """The verdict on a trial that ended without an error.

    Args:
        problem: The costs.
        evaluator: The objectives and limits.
        proposal: What became the trial.
        metrics: Its last result; empty if it reported none.
    """
    size = size_of(problem.costs(proposal.config)) if metrics else None
    value = size[1] if size else None
    evaluation = evaluator.judge_end(proposal, metrics)
    reason = evaluation.unusable or evaluation.broken
    return Verdict("infeasible" if reason else "completed", reason, evaluation, value)
