"""Values of numpy, pandas and scipy in the terms of MessagePack, and back; where the libraries are imported.

A form is a list that begins with its kind; ``of`` makes the form of a part, or the part of a form.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from moi.grading.chance import have_numpy
from moi.grading.scalars import CannotCross, zone_form, zone_value

_ARRAY_KINDS = "biufcSUmM"
Of = Callable[[Any], Any]


def is_mutable(kind: type) -> bool:
    """Whether values of this class are data that can be changed in place."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and kind in (numpy.ndarray, numpy.random.Generator, numpy.random.RandomState):
        return True
    if pandas is not None and kind in (pandas.DataFrame, pandas.Series):
        return True
    return is_sparse(kind) or is_result(kind)


def numpy_form(value: Any, of: Of) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    kind = type(value)
    if isinstance(value, numpy.generic) and value.dtype.kind in _ARRAY_KINDS and kind is value.dtype.type:
        return ["np.scalar", value.dtype.str, value.tobytes()]
    if kind is numpy.ndarray:
        if value.dtype.kind in _ARRAY_KINDS:
            order = "F" if value.flags.fnc else "C"
            return ["np.array", value.dtype.str, list(value.shape), order, value.tobytes(order)]
        if value.dtype.kind == "O":
            return ["np.objects", list(value.shape), [of(item) for item in value.ravel()]]
    if isinstance(value, numpy.dtype) and value.kind in _ARRAY_KINDS + "O":
        return ["np.dtype", value.str]
    if isinstance(value, type) and issubclass(value, numpy.generic) and value.__module__ == "numpy":
        return ["np.class", value.__name__]
    if kind is numpy.random.Generator and type(value.bit_generator) is numpy.random.PCG64:
        state = value.bit_generator.state  # made anew each time: its parts are no things of their own
        numbers = state["state"]["state"], state["state"]["inc"], state["has_uint32"], state["uinteger"]
        return ["np.generator", of(numbers)]
    if kind is numpy.random.RandomState:
        _, words, *rest = value.get_state()
        return ["np.random", of((words.tobytes(), *rest))]
    return None


# Classes that annotations name, and that make nothing but data.
_CLASSES = {"numpy": ("ndarray",), "pandas": ("DataFrame", "Series", "Index", "Timestamp", "Timedelta")}


def class_form(value: Any) -> Any:
    for module, names in _CLASSES.items():
        for name in names:
            if getattr(sys.modules.get(module), name, None) is value:
                return ["library", module, name]
    return None


def class_value(form: list[Any]) -> Any:
    _, module, name = form
    if name in _CLASSES.get(module, ()) and module in sys.modules:
        return getattr(sys.modules[module], name)
    raise CannotCross("no such class")


def view_form(value: Any, form: list[Any], known: Mapping[int, int]) -> list[Any]:
    """``form``, that of an array; if it is a view of one that has a number, with what makes it one over there."""
    base = value.base
    if id(base) not in known or not _is_whole(base) or not value.nbytes:
        return form
    offset = value.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return ["np.view", ["same", known[id(base)]], base.nbytes, offset, list(value.strides), form]


def _view_of(base: Any, offset: int, strides: list[int], form: list[Any]) -> Any:
    """An array in the memory of ``base``, and not beyond: numpy's own look at this can be deceived by large numbers."""
    import numpy

    _, kind, shape, _, data = form
    dtype = numpy.dtype(str(kind)[:40])
    numbers = [offset, *strides, *shape]
    if dtype.kind not in _ARRAY_KINDS or any(type(number) is not int for number in numbers):
        raise CannotCross("an array of a kind that does not cross")
    steps = [(many - 1) * stride for many, stride in zip(shape, strides, strict=True)]
    first = offset + sum(step for step in steps if step < 0)
    last = offset + sum(step for step in steps if step > 0) + dtype.itemsize
    if min(shape, default=1) < 1 or dtype.itemsize < 1 or first < 0 or last > base.nbytes:
        raise CannotCross("an array beyond another")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise CannotCross("an array of another size")
    return numpy.ndarray(shape, dtype, base.ravel("K").view(numpy.uint8), offset, strides)


def _is_whole(array: Any) -> bool:
    numpy = sys.modules["numpy"]
    return type(array) is numpy.ndarray and array.dtype.kind in _ARRAY_KINDS and array.flags.forc


def numpy_value(form: list[Any], of: Of) -> Any:
    import numpy

    kind = form[0]
    if kind in ("np.scalar", "np.array", "np.dtype"):
        dtype = numpy.dtype(str(form[1])[:40])
        if dtype.kind not in _ARRAY_KINDS + ("O" if kind == "np.dtype" else ""):
            raise CannotCross("an array of a kind that does not cross")
        if kind == "np.dtype":
            return dtype
        if kind == "np.scalar":
            return numpy.frombuffer(form[2], dtype)[0]
        return numpy.frombuffer(form[4], dtype).reshape(form[2], order=form[3]).copy("K")  # its own: nothing's view
    if kind == "np.view":
        base, size, offset, strides, data = of(form[1]), *form[2:]
        fits = _is_whole(base) and base.nbytes == size
        return _view_of(base, offset, strides, data) if fits else of(data)
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
        state, increment, has, last = of(form[1])
        generator.bit_generator.state = {
            "bit_generator": "PCG64", "state": {"state": state, "inc": increment}, "has_uint32": has, "uinteger": last,
        }  # fmt: skip
        return generator
    if kind == "np.random":
        state = numpy.random.RandomState()
        have_numpy(state, *of(form[1]))
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
    of_numpy = isinstance(array, (pandas.arrays.NumpyExtensionArray, pandas.arrays.DatetimeArray))
    if of_numpy and (form := numpy_form(array.to_numpy(), of)) and form[0] == "np.array":
        return ["plain", form]
    return ["extension", str(array.dtype), [of(item) for item in array]]


def _column_value(form: list[Any], of: Of) -> Any:
    import pandas

    if form[0] == "categorical":
        return pandas.Categorical.from_codes(of(form[1]), of(form[2]), ordered=form[3])
    if form[0] == "strings":
        return pandas.array(form[2], dtype={"str": "str", "string": "string"}[form[1]])
    if form[0] == "extension":
        return pandas.array([of(item) for item in form[2]], dtype=str(form[1]))
    return of(form[1])


def _if_object(form: list[Any]) -> type | None:
    """The type of a column of objects, which pandas would else take for one of texts if there are only texts in it."""
    return object if form[:2] == ["extension", "object"] else None


def pandas_value(form: list[Any], of: Of) -> Any:
    """What stands under a label is an attribute too: none may be one by which numpy reads memory."""
    made = _pandas_value(form, of)
    if any(hasattr(made, name) for name in ("__array_interface__", "__array_struct__")):
        raise CannotCross("a label that takes the place of a method")
    return made


def _pandas_value(form: list[Any], of: Of) -> Any:
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
            index = pandas.Index(_column_value(column, of), dtype=_if_object(column), name=of(name))
            if frequency is not None and isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex)):
                index.freq = frequency
            return index
        case ["pd.series", column, index, name, attributes]:
            values = _column_value(column, of)
            series = pandas.Series(values, dtype=_if_object(column), index=of(index), name=of(name))
            series.attrs.update(of(attributes))
            return series
        case ["pd.frame", columns, index, names, attributes]:
            lines = of(index)
            values = {
                place: pandas.Series(_column_value(column, of), dtype=_if_object(column), index=lines)
                for place, column in enumerate(columns)
            }
            frame = pandas.DataFrame(values, index=lines, columns=range(len(columns)))
            frame.columns = of(names)
            frame.attrs.update(of(attributes))
            return frame
        case ["pd.array", column]:
            return _column_value(column, of)
        case ["pd.dtype", name]:
            return pandas.api.types.pandas_dtype(str(name))
    raise CannotCross("no value of pandas")


_PACKED = ("csr", "csc", "bsr")
_SPARSE = frozenset(f"{kind}_{way}" for kind in (*_PACKED, "coo", "lil", "dok", "dia") for way in ("array", "matrix"))
# Whose dictionaries of results they are.
_RESULTS = ("scipy.optimize", "scipy.integrate")


def is_sparse(kind: type) -> bool:
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and kind.__name__ in _SPARSE and getattr(sparse, kind.__name__, None) is kind


def sparse_form(value: Any, of: Of) -> Any:
    kind = type(value)
    if not is_sparse(kind):
        return None
    name, shape = f"sparse.{kind.__name__}", [int(size) for size in value.shape]
    if value.format in _PACKED:
        return [name, shape, *(numpy_form(part, of) for part in (value.data, value.indices, value.indptr))]
    if value.format == "dia":
        return [name, shape, numpy_form(value.data, of), numpy_form(value.offsets, of)]
    places = value.tocoo()
    return [name, shape, numpy_form(places.data, of), *(numpy_form(place, of) for place in places.coords)]


def sparse_value(form: list[Any], of: Of) -> Any:
    """A matrix of these parts; scipy itself would read beyond its arrays where an index is too large."""
    import numpy
    import scipy.sparse

    name, shape, data, *indices = form
    name, shape = name.removeprefix("sparse."), tuple(shape)
    data, *indices = map(of, (data, *indices))
    if name not in _SPARSE or not all(type(size) is int and 0 <= size < 2**48 for size in shape):
        raise CannotCross("no sparse matrix")
    if not all(type(each) is numpy.ndarray for each in (data, *indices)) or data.dtype.kind not in "biufc":
        raise CannotCross("no sparse matrix")
    if any(each.ndim != 1 or each.dtype.kind != "i" for each in indices):
        raise CannotCross("no sparse matrix")
    made, how = getattr(scipy.sparse, name), name[:3]

    def within(places: Any, size: int) -> bool:
        return not len(places) or bool(places.min() >= 0 and places.max() < size)

    if how in _PACKED:
        among, starts = indices
        block = data.shape[1:] if how == "bsr" else (1,) * len(shape)
        sizes = [size // each for size, each in zip(shape, block, strict=True) if each and size % each == 0]
        rows, columns = sizes[::-1] if how == "csc" else (1, *sizes)[-2:]
        whole = starts[0] == 0 and starts[-1] == len(among) == len(data) and len(starts) == rows + 1
        if len(sizes) == len(shape) and whole and (starts[1:] >= starts[:-1]).all() and within(among, columns):
            return made((data, among, starts), shape=shape)
    elif how == "dia":
        (offsets,) = indices
        if data.ndim == 2 and len(offsets) == len(data) and within(abs(offsets), 2**30) and data.shape[1] < 2**30:
            return made((data, offsets), shape=shape)
    elif data.ndim == 1 and [len(places) for places in indices] == [len(data)] * len(shape):
        small = how == "coo" or shape[0] <= 2**20  # else there would be a list of each row
        if small and all(map(within, indices, shape)):
            return getattr(scipy.sparse, name.replace(how, "coo"))((data, tuple(indices)), shape=shape).asformat(how)
    raise CannotCross("no sparse matrix")


def is_result(kind: type) -> bool:
    """Whether objects of ``kind`` are dictionaries of scipy's, whose entries are their attributes as well."""
    return (
        issubclass(kind, dict) and kind.__module__.startswith(_RESULTS) and kind.__setattr__ is dict.__setitem__  # type: ignore[comparison-overlap]
    )


def result_of(module: str, name: str) -> Any:
    """An empty one of this class."""
    for package in _RESULTS:
        if module == package or module.startswith(f"{package}."):
            importlib.import_module(package)
            found = vars(sys.modules[module])[name]
            if isinstance(found, type) and is_result(found) and found.__module__ == module:
                return dict.__new__(found)
    raise CannotCross("no result of scipy")
