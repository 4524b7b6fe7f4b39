"""What ended a failed trial; fails when Ray changes what is relied on."""

import errno
import inspect
from types import SimpleNamespace

import pytest
import ray
import torch
from ray.tune.execution.tune_controller import TuneController

from ray_nas.tune_internals.trial_errors import failing, is_out_of_memory, trial_error


def test_the_controllers_method_that_is_read() -> None:
    failure = TuneController._process_trial_failure
    assert "exception" in inspect.signature(failure).parameters
    assert "_search_alg.on_trial_complete" in inspect.getsource(failure)


def test_a_searcher_finds_the_error_of_the_failed_trial_alone(
    observations: list[SimpleNamespace],
) -> None:
    with_error = [each for each in observations if each.error is not None]
    failed = [each for each in observations if each.call == "end" and each.failed]
    assert with_error == failed
    assert len(failed) == 1
    assert "too large" in str(failed[0].error)
    assert is_out_of_memory(failed[0].error)


def test_without_tune_the_error_is_given() -> None:
    assert trial_error() is None
    outer, inner = ValueError("outer"), KeyError("inner")
    with failing(outer):
        with failing(inner):
            assert trial_error() is inner
        assert trial_error() is outer
    assert trial_error() is None


def test_the_error_is_forgotten_when_the_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), failing(ValueError()):
        raise ZeroDivisionError
    assert trial_error() is None


def caused_by(cause: BaseException) -> BaseException:
    error = RuntimeError("the trial failed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        ray.exceptions.OutOfMemoryError("node"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        OSError(errno.ENOMEM, "fork"),
        caused_by(MemoryError()),
        ray.exceptions.RayTaskError("train", "traceback", MemoryError()),
    ],
    ids=repr,
)
def test_out_of_memory(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        None,
        ValueError("out of memory"),
        RuntimeError("shapes do not match"),
        OSError(errno.ENOENT, "file"),
        caused_by(KeyError("x")),
    ],
    ids=repr,
)
def test_other_errors(error: BaseException | None) -> None:
    assert not is_out_of_memory(error)
