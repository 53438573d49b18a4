"""Values of numpy and pandas in the terms of MessagePack, and back; where the libraries are imported.

A form is a list that begins with its kind; ``of`` makes the form of a part, or the part of a form.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from moi.grading.scalars import CannotCross, zone_form, zone_value

_ARRAY_KINDS = "biufcSUmM"
Of = Callable[[Any], Any]


def is_mutable(value: Any) -> bool:
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and type(value) in (numpy.ndarray, numpy.random.Generator, numpy.random.RandomState):
        return True
    return pandas is not None and type(value) in (pandas.DataFrame, pandas.Series)


def numpy_form(value: Any, of: Of) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    kind = type(value)
    if isinstance(value, numpy.generic) and value.dtype.kind in _ARRAY_KINDS and kind is value.dtype.type:
        return ["np.scalar", value.dtype.str, value.tobytes()]
    if kind is numpy.ndarray:
        if value.dtype.kind in _ARRAY_KINDS:
            return ["np.array", value.dtype.str, list(value.shape), value.tobytes()]
        if value.dtype.kind == "O":
            return ["np.objects", list(value.shape), [of(item) for item in value.ravel()]]
    if isinstance(value, numpy.dtype) and value.kind in _ARRAY_KINDS + "O":
        return ["np.dtype", value.str]
    if isinstance(value, type) and issubclass(value, numpy.generic) and value.__module__ == "numpy":
        return ["np.class", value.__name__]
    if kind is numpy.random.Generator and type(value.bit_generator) is numpy.random.PCG64:
        return ["np.generator", of(value.bit_generator.state)]
    if kind is numpy.random.RandomState:
        return ["np.random", of(value.get_state())]
    return None


def numpy_value(form: list[Any], of: Of) -> Any:
    import numpy

    kind = form[0]
    if kind in ("np.scalar", "np.array", "np.dtype"):
        dtype = numpy.dtype(str(form[1])[:40])
        if dtype.kind not in _ARRAY_KINDS + ("O" if kind == "np.dtype" else ""):
            raise CannotCross("an array of a kind that does not cross")
        if kind == "np.dtype":
            return dtype
        array = numpy.frombuffer(form[-1], dtype).copy()
        return array.reshape(form[2]) if kind == "np.array" else array[0]
    if kind == "np.objects":
        array = numpy.empty(len(form[2]), object)
        for place, item in enumerate(form[2]):
            array[place] = of(item)
        return array.reshape(form[1])
    if kind == "np.class":
        found = getattr(numpy, form[1])
        if isinstance(found, type) and issubclass(found, numpy.generic):
            return found
    if kind == "np.generator":
        generator = numpy.random.default_rng()
        generator.bit_generator.state = of(form[1])
        return generator
    if kind == "np.random":
        state = numpy.random.RandomState()
        parts = of(form[1])
        if not 0 <= parts[2] <= 624:  # numpy does not look, and reads there
            raise CannotCross("no state of a generator")
        state.set_state(parts)
        return state
    raise CannotCross("no value of numpy")


def pandas_form(value: Any, of: Of) -> Any:
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):
        return None
    kind = type(value)
    if value is pandas.NA:
        return ["pd.NA"]
    if value is pandas.NaT:
        return ["pd.NaT"]
    if kind is pandas.Timestamp:
        return ["pd.Timestamp", value.as_unit("ns").value, value.unit, zone_form(value.tzinfo)]
    if kind is pandas.Timedelta:
        return ["pd.Timedelta", value.as_unit("ns").value, value.unit]
    if kind is pandas.Period:
        return ["pd.Period", value.ordinal, value.freqstr]
    if kind is pandas.Interval:
        return ["pd.Interval", of(value.left), of(value.right), value.closed]
    if kind is pandas.RangeIndex:
        return ["pd.range", value.start, value.stop, value.step, of(value.name)]
    if kind is pandas.MultiIndex:
        return ["pd.multi", [of(level) for level in value.levels], [of(c) for c in value.codes], of(list(value.names))]
    if isinstance(value, pandas.Index):
        return ["pd.index", _column_form(value.array, of), of(value.name), getattr(value, "freqstr", None)]
    if kind is pandas.Series:
        return ["pd.series", _column_form(value.array, of), of(value.index), of(value.name), of(dict(value.attrs))]
    if kind is pandas.DataFrame:
        columns = [_column_form(value.iloc[:, place].array, of) for place in range(value.shape[1])]
        return ["pd.frame", columns, of(value.index), of(value.columns), of(dict(value.attrs))]
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return ["pd.array", _column_form(value, of)]
    if isinstance(value, pandas.api.extensions.ExtensionDtype):
        return ["pd.dtype", str(value)]
    return None


def _column_form(array: Any, of: Of) -> Any:
    import pandas

    if isinstance(array, pandas.Categorical):
        return ["categorical", of(array.codes), of(array.categories), array.ordered]
    if str(array.dtype) in ("str", "string"):
        return ["strings", str(array.dtype), [item if isinstance(item, str) else None for item in array]]
    if isinstance(array.dtype, pandas.api.extensions.ExtensionDtype):
        return ["extension", str(array.dtype), [of(item) for item in array]]
    return ["plain", of(array.to_numpy())]


def _column_value(form: list[Any], of: Of) -> Any:
    import pandas

    if form[0] == "categorical":
        return pandas.Categorical.from_codes(of(form[1]), of(form[2]), ordered=form[3])
    if form[0] == "strings":
        return pandas.array(form[2], dtype={"str": "str", "string": "string"}[form[1]])
    if form[0] == "extension":
        return pandas.array([of(item) for item in form[2]], dtype=str(form[1]))
    return of(form[1])


def pandas_value(form: list[Any], of: Of) -> Any:
    import pandas

    match form:
        case ["pd.NA"]:
            return pandas.NA
        case ["pd.NaT"]:
            return pandas.NaT
        case ["pd.Timestamp", value, unit, zone]:
            made = pandas.Timestamp(value, unit="ns")
            made = made if zone is None else made.tz_localize("UTC").tz_convert(zone_value(zone))
            return made.as_unit(unit)
        case ["pd.Timedelta", value, unit]:
            return pandas.Timedelta(value, unit="ns").as_unit(unit)
        case ["pd.Period", ordinal, frequency]:
            return pandas.Period(ordinal=ordinal, freq=frequency)
        case ["pd.Interval", left, right, closed]:
            return pandas.Interval(of(left), of(right), closed)
        case ["pd.range", start, stop, step, name]:
            return pandas.RangeIndex(start, stop, step, name=of(name))
        case ["pd.multi", levels, codes, names]:
            return pandas.MultiIndex([of(level) for level in levels], [of(c) for c in codes], names=of(names))
        case ["pd.index", column, name, frequency]:
            index = pandas.Index(_column_value(column, of), name=of(name))
            if frequency is not None and isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex)):
                index.freq = frequency
            return index
        case ["pd.series", column, index, name, attributes]:
            series = pandas.Series(_column_value(column, of), index=of(index), name=of(name))
            series.attrs.update(of(attributes))
            return series
        case ["pd.frame", columns, index, names, attributes]:
            values = {place: _column_value(column, of) for place, column in enumerate(columns)}
            frame = pandas.DataFrame(values, index=of(index), columns=range(len(columns)))
            frame.columns = of(names)
            frame.attrs.update(of(attributes))
            return frame
        case ["pd.array", column]:
            return _column_value(column, of)
        case ["pd.dtype", name]:
            return pandas.api.types.pandas_dtype(str(name))
    raise CannotCross("no value of pandas")
