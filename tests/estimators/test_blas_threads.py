import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_info, threadpool_limits

from ray_nas.estimators.blas_threads import one_thread


def threads() -> set[int]:
    scipy.linalg.cho_factor(np.eye(2))
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def test_one_thread_inside_and_as_many_as_before_outside() -> None:
    with threadpool_limits(2, user_api="blas"):
        assert threads() == {2}
        assert one_thread(threads)() == {1}
        assert threads() == {2}
    assert one_thread(threads).__name__ == "threads"
