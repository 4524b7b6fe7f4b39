import pytest

from ray_nas.extras import extra


def test_what_is_missing_says_who_needs_it_and_how_to_install_it() -> None:
    message = r'to_frame needs pandas: pip install "ray-nas\[bench\]"'
    with pytest.raises(ImportError, match=message) as caught:  # noqa: SIM117
        with extra("bench", package="pandas", needed_by="to_frame"):
            import no_such_package  # noqa: F401
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_other_errors_pass() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        extra("bench", package="pandas", needed_by="to_frame"),
    ):
        1 / 0  # noqa: B018
