"""Numbers and intervals as a reader wants to see them."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Interval(NamedTuple):
    """An estimate and its 95 % interval.

    Example:
        >>> print(Interval(1.2345, 0.4, 2.0))
        1.23 [0.4, 2]
        >>> Interval(1.2345, 0.4, 2.0).signed
        '+1.23 [+0.4, +2]'
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{number(self.value)} [{number(self.low)}, {number(self.high)}]"

    @property
    def signed(self) -> str:
        """With the signs written out, as a difference is printed."""
        return f"{self.value:+.3g} [{self.low:+.3g}, {self.high:+.3g}]"


def number(value: float) -> str:
    """Three significant digits; whole numbers of a million or less in full.

    Example:
        >>> number(0.12345), number(12345)
        ('0.123', '12345')
    """
    if math.isfinite(value) and value == round(value) and abs(value) <= 1e6:
        return str(round(value))
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a whole number of per cent.

    Example:
        >>> percent(0.256)
        '26 %'
    """
    return f"{100 * share:.0f} %"


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "trial"), counted(2, "trial")
        ('1 trial', '2 trials')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listed(items: Sequence[str]) -> str:
    """Items as a phrase.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
