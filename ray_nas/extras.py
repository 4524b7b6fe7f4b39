"""Optional packages: imported where they are used, and missing with a hint how to install them."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str, *, package: str, needed_by: str) -> Iterator[None]:
    """Imports from a package that an extra of ray-nas installs.

    Args:
        name: The extra, e.g. "bench".
        package: What it installs, for the message.
        needed_by: What the user called, for the message.

    Raises:
        ImportError: The package is not installed; the message says how to install it.

    Example:
        >>> with extra("bench", package="pandas", needed_by="History.to_frame"):
        ...     import no_such_package
        Traceback (most recent call last):
        ...
        ImportError: History.to_frame needs pandas: pip install "ray-nas[bench]"
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f'{needed_by} needs {package}: pip install "ray-nas[{name}]"') from error
