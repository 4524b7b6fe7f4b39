from ray_nas.report.evidence.wording import Interval, counted, listed, number, percent


def test_numbers_have_three_digits_and_whole_ones_all() -> None:
    assert [number(value) for value in (0.12345, 12345.0, 12345.6, float("nan"))] == [
        "0.123",
        "12345",
        "1.23e+04",
        "nan",
    ]


def test_phrases() -> None:
    assert (counted(1, "trial"), counted(0, "trial")) == ("1 trial", "0 trials")
    assert [listed(items) for items in (["a"], ["a", "b"], ["a", "b", "c"], [])] == [
        "a",
        "a and b",
        "a, b and c",
        "",
    ]
    assert percent(0.256) == "26 %"


def test_a_difference_shows_its_signs() -> None:
    assert Interval(1, -0.5, 2.25).signed == "+1 [-0.5, +2.25]"
    assert str(Interval(1, -0.5, 2.25)) == "1 [-0.5, 2.25]"
