"""Which errors mean out of memory."""

import errno
import os

import pytest
import ray
import torch

from ray_nas.tune_internals.trial_errors import is_out_of_memory, trial_error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        ray.exceptions.OutOfMemoryError("the node is low on memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("unable to mmap 4096 bytes from file </torch_1>: Cannot allocate memory (12)"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        ray.exceptions.RayTaskError("train", "...", MemoryError()),
    ],
)
def test_errors_that_say_so(error: BaseException) -> None:
    assert is_out_of_memory(error)
    outer = ValueError("wrapped")
    outer.__cause__ = error
    assert is_out_of_memory(outer)


def test_other_errors_do_not() -> None:
    assert not is_out_of_memory(None)
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
    assert not is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"))
    assert not is_out_of_memory(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert trial_error() is None  # outside of Tune


def test_torchs_own_message_of_the_host() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
