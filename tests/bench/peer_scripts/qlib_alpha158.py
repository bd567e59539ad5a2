"""qlib's Alpha158 of one instrument, by its own expressions and operators; run where qlib is installed.

``qlib_alpha158.py BARS.npz OUT.npz``: ``bars`` (n, 6), oldest first. Its 158 expressions are parsed once;
each timed run evaluates all of them over the bars with an empty cache, which they then share as in its own
pipeline. Its storage, calendar, processes and processors are left out. Prints {"seconds": [...]}.
"""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from qlib.config import C
from qlib.contrib.data.loader import Alpha158DL
from qlib.data import base
from qlib.data.cache import H
from qlib.data.ops import Operators, register_all_ops
from qlib.utils import parse_field

CONFIG = {
    "kbar": {},
    "price": {"windows": [0], "feature": ["OPEN", "HIGH", "LOW", "VWAP"]},
    "rolling": {},
}
REPEATS = 7


COLUMNS = {}


class Feature(base.Feature):
    """A column of the bars given, instead of one of qlib's storage."""

    def _load_internal(self, instrument, start_index, end_index, *args):
        return COLUMNS[self._name]


def main(source: str, out: str) -> None:
    warnings.simplefilter("ignore")
    bars = np.load(source)["bars"]
    for number, name in enumerate(("open", "high", "low", "close", "volume", "vwap")):
        COLUMNS[name] = pd.Series(bars[:, number])
    register_all_ops(C)
    Operators.register([Feature])
    fields, names = Alpha158DL.get_feature_config(CONFIG)
    scope = {"Operators": Operators}
    # qlib's own expressions, evaluated the way its provider does
    expressions = [eval(parse_field(field), scope) for field in fields]
    seconds, values = [], []
    for _ in range(REPEATS):
        H["f"].clear()
        began = time.perf_counter()
        values = [expression.load("X", 0, len(bars) - 1, "day").iloc[-1] for expression in expressions]
        seconds.append(time.perf_counter() - began)
    np.savez(out, names=np.array(names), values=np.array(values, np.float64))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
