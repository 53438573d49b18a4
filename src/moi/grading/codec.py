"""Turns values into bytes and back between the learner's process and the judge: a closed set of kinds, no pickle.

What is data crosses as a copy, of exactly the same type. Everything else crosses as a handle, through the two hooks
of :class:`Codec`. The bytes of a learner may be anything: decoding them makes data of the kinds listed here, or
raises :class:`CannotCross`; no code of theirs runs.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import pathlib
import random
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

import msgpack

DEEPEST = 100
LARGEST = 64 << 20
# Classes that cross by name; any other class of a learner crosses as a handle.
CLASSES: dict[str, type] = {
    str(kind.__name__): kind
    for kind in (
        bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, slice, object, type,
        type(None), types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType,
        types.CoroutineType, datetime.date, datetime.time, datetime.datetime, datetime.timedelta, decimal.Decimal,
        fractions.Fraction, collections.OrderedDict, collections.Counter, collections.deque, collections.defaultdict,
    )
}  # fmt: skip
_CLASS_NAMES: dict[type, str] = {kind: name for name, kind in CLASSES.items()}
_ARRAY_KINDS = "biufcSUmM"
_MUTABLE = (list, dict, set, bytearray, collections.deque, collections.OrderedDict, collections.Counter,
            collections.defaultdict, random.Random, io.StringIO, io.BytesIO)  # fmt: skip


class CannotCross(TypeError):
    """A value that cannot cross, or bytes that are no value; ``str(error)`` says which."""


class There:
    """Base of what stands for an object of the other side."""

    __slots__ = ()


@dataclasses.dataclass
class Crossing:
    """The mutable things of one call, so that what the other side changes in them can be brought back."""

    things: dict[int, Any] = dataclasses.field(default_factory=dict)  # by number
    numbers: dict[int, int] = dataclasses.field(default_factory=dict)  # by id
    states: dict[int, bytes] = dataclasses.field(default_factory=dict)  # as they crossed

    def add(self, thing: Any, number: int | None = None) -> int:
        number = len(self.things) if number is None else number
        self.things[number] = thing
        self.numbers[id(thing)] = number
        return number


class Codec:
    """``export`` gives the form of what is no data, ``resolve`` the object for such a form.

    ``shared`` names the classes that the author's own cells define in ``__main__``: both sides have them.
    """

    def __init__(self, export: Callable[[Any], Any], resolve: Callable[[Any], Any]) -> None:
        self.export = export
        self.resolve = resolve
        self.shared: frozenset[str] = frozenset()
        self.guards = False  # whether what comes in may be made to deceive

    def pack(self, value: Any, crossing: Crossing | None = None) -> bytes:
        """The bytes of ``value``. Mutable things in it are numbered in ``crossing``."""
        return packed(self.encode(value, crossing, 0))

    def unpack(self, data: bytes, crossing: Crossing | None = None) -> Any:
        """The value of ``data``. Raises :class:`CannotCross`."""
        return self.decode(unpacked(data), crossing, 0)

    def encode(self, value: Any, crossing: Crossing | None = None, depth: int = 0) -> Any:
        """``value`` in the terms of MessagePack: scalars as they are, all else as a list that begins with its kind."""
        if depth > DEEPEST:
            raise CannotCross("it is nested too deeply")
        kind = type(value)
        if value is None or kind is bool or kind is float or kind is str or kind is bytes:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else ["int", hex(value)]
        if issubclass(kind, There) or (issubclass(kind, type) and issubclass(value, There)):
            return ["there", self.export(value)]
        number = None
        if crossing is not None:
            if (known := crossing.numbers.get(id(value))) is not None:
                return ["same", known]
            if kind in _MUTABLE or _mutable_of_a_library(value) or self._is_shared_object(value):
                number = crossing.add(value)
        form = self._form(value, lambda part: self.encode(part, crossing, depth + 1))
        if number is None:
            return form
        return ["new", number, form]

    def _form(self, value: Any, of: Callable[[Any], Any]) -> Any:
        kind = type(value)
        if kind in _SIMPLE:
            return [_SIMPLE[kind][0], _SIMPLE[kind][1](value)]
        if kind in (list, tuple, set, frozenset):
            return [kind.__name__, [of(item) for item in value]]
        if (
            kind is dict
            or kind is collections.OrderedDict
            or kind is collections.Counter
            or kind is collections.defaultdict
        ):
            return [kind.__name__, [[of(key), of(entry)] for key, entry in value.items()]]
        if kind is collections.deque:
            return ["deque", [of(item) for item in value], value.maxlen]
        if kind is slice:
            return ["slice", of(value.start), of(value.stop), of(value.step)]
        if kind is type(Ellipsis):
            return ["..."]
        if value is NotImplemented:
            return ["not implemented"]
        if kind is random.Random:
            version, words, gauss = value.getstate()
            return ["random", version, list(words), gauss]
        if kind is io.StringIO or kind is io.BytesIO:
            return [kind.__name__, value.getvalue(), value.tell()]
        if isinstance(value, type) and _CLASS_NAMES.get(value):
            return ["class", _CLASS_NAMES[value]]
        form = _numpy_form(value, of)
        if form is None:
            form = _pandas_form(value, of)
        if form is not None:
            return form
        if isinstance(value, tuple) and hasattr(kind, "_fields") and kind.__mro__[1] is tuple:
            return ["named", kind.__name__, list(kind._fields), [of(item) for item in value]]
        if self._by_value(kind):
            if isinstance(value, enum.Enum):
                return ["enum", kind.__module__, kind.__qualname__, value.name]
            if dataclasses.is_dataclass(value):
                fields = [f.name for f in dataclasses.fields(value) if f.init]
                return ["record", kind.__module__, kind.__qualname__, [[f, of(getattr(value, f))] for f in fields]]
            return ["object", kind.__qualname__, [[key, of(entry)] for key, entry in vars(value).items()]]
        return ["there", self.export(value)]

    def _by_value(self, kind: type) -> bool:
        """Whether both sides have the class ``kind``, and its objects are their fields."""
        if kind.__module__ == "__main__":
            own = kind.__qualname__ in self.shared and not issubclass(kind, (BaseException, type))
            return own and (issubclass(kind, enum.Enum) or dataclasses.is_dataclass(kind) or _plain_object(kind))
        library = isinstance(sys.modules.get(kind.__module__), types.ModuleType)
        return library and (issubclass(kind, enum.Enum) or dataclasses.is_dataclass(kind))

    def _is_shared_object(self, value: Any) -> bool:
        kind = type(value)
        return (
            kind.__module__ == "__main__"
            and kind.__qualname__ in self.shared
            and self._by_value(kind)
            and (not isinstance(value, enum.Enum))
        )

    def decode(self, form: Any, crossing: Crossing | None = None, depth: int = 0) -> Any:
        """The value of ``form``. Raises :class:`CannotCross` for what is none."""
        if not isinstance(form, list):
            if form is None or type(form) in (bool, int, float, str, bytes):
                return form
            raise CannotCross("no value")
        if depth > DEEPEST:
            raise CannotCross("it is nested too deeply")
        try:
            if form[0] == "same" and crossing is not None:
                return crossing.things[form[1]]
            if form[0] == "new":
                value = self._value(form[2], lambda part: self.decode(part, crossing, depth + 1))
                if crossing is not None and type(form[1]) is int:
                    crossing.add(value, form[1])
                return value
            return self._value(form, lambda part: self.decode(part, crossing, depth + 1))
        except CannotCross:
            raise
        except Exception as failure:
            raise CannotCross(f"no value ({type(failure).__name__})") from None

    def _value(self, form: list[Any], of: Callable[[Any], Any]) -> Any:
        kind = form[0]
        if kind in _BACK:
            return _BACK[kind](form[1])
        if kind in ("list", "tuple", "set", "frozenset"):
            return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](map(of, form[1]))
        if kind in ("dict", "OrderedDict", "Counter", "defaultdict"):
            entries = {of(key): of(entry) for key, entry in form[1]}
            if kind == "defaultdict":
                return collections.defaultdict(None, entries)
            return entries if kind == "dict" else getattr(collections, kind)(entries)
        if kind == "deque":
            return collections.deque(map(of, form[1]), form[2])
        if kind == "slice":
            return slice(*map(of, form[1:4]))
        if kind == "...":
            return ...
        if kind == "not implemented":
            return NotImplemented
        if kind == "random":
            chance = random.Random()
            chance.setstate((form[1], tuple(form[2]), form[3]))
            return chance
        if kind in ("StringIO", "BytesIO"):
            file = getattr(io, kind)(form[1])
            file.seek(form[2])
            return file
        if kind == "class":
            return CLASSES[form[1]]
        if kind.startswith("np."):
            return _numpy_value(form, of)
        if kind.startswith("pd."):
            return _pandas_value(form, of)
        if kind == "named" and len(form[2]) <= 255:
            named = collections.namedtuple(str(form[1]), list(form[2]), rename=True)  # type: ignore[misc]
            return named(*map(of, form[3]))
        if kind == "there":
            return self.resolve(form[1])
        found = self._class(*form[1:3]) if kind != "object" else self._class("__main__", form[1])
        if kind == "enum":
            return found[form[3]]  # type: ignore[index]
        if kind == "record":
            # Through its own constructor: what a class does not allow, does not cross either.
            return found(**{field: of(entry) for field, entry in form[3]})
        if kind == "object":
            made: Any = object.__new__(found)
            if self.guards and any(callable(getattr(found, str(key), None)) for key, _ in form[2]):
                raise CannotCross("a field that takes the place of a method")
            vars(made).update({str(key): of(entry) for key, entry in form[2]})
            return made
        raise CannotCross(f"no kind of value: {str(kind)[:20]!r}")

    def _class(self, module: str, name: str) -> type:
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = vars(found)[part]
        ours = module.startswith("moi.grading")
        if not isinstance(found, type) or found.__module__ != module or ours or not self._by_value(found):
            raise CannotCross(f"{name[:50]!r} is no class that both sides have")
        return found

    def changed(self, crossing: Crossing) -> list[list[Any]]:
        """The things of ``crossing`` that are no longer as they crossed: their number and their form now."""
        result = []
        for number, before in crossing.states.items():
            now = self._state(crossing, number)
            if packed(now) != before:
                result.append([number, now])
        return result

    def note_states(self, crossing: Crossing) -> None:
        """Remember how the things of ``crossing`` are now."""
        for number in list(crossing.things):
            crossing.states[number] = packed(self._state(crossing, number))

    def _state(self, crossing: Crossing, number: int) -> Any:
        # Parts that crossed too are named by number, so that each thing stands for itself alone.
        return self._form(crossing.things[number], lambda part: self.encode(part, crossing, 1))

    def bring_back(self, changes: Any, crossing: Crossing) -> None:
        """Make the changes of the other side in the things of ``crossing`` here."""
        for number, form in changes:
            thing = crossing.things[number]
            _assign(thing, self._value(form, lambda part: self.decode(part, crossing, 1)))


_SIMPLE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    complex: ("complex", lambda v: [v.real, v.imag]),
    bytearray: ("bytearray", bytes),
    range: ("range", lambda v: [hex(v.start), hex(v.stop), hex(v.step)]),
    decimal.Decimal: ("decimal", str),
    fractions.Fraction: ("fraction", lambda v: [hex(v.numerator), hex(v.denominator)]),
    datetime.date: ("date", datetime.date.isoformat),
    datetime.timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    datetime.time: ("time", lambda v: [v.replace(tzinfo=None).isoformat(), v.fold, _zone(v.tzinfo)]),
    datetime.datetime: ("datetime", lambda v: [v.replace(tzinfo=None).isoformat(), v.fold, _zone(v.tzinfo)]),
    uuid.UUID: ("uuid", str),
    pathlib.PosixPath: ("path", str),
    pathlib.PurePosixPath: ("pure path", str),
}
_BACK: dict[str, Callable[[Any], Any]] = {
    "int": lambda f: _whole(f, 1 << 21),
    "complex": lambda f: complex(*f),
    "bytearray": bytearray,
    "range": lambda f: range(*(_whole(part, 40) for part in f)),
    "decimal": decimal.Decimal,
    "fraction": lambda f: fractions.Fraction(_whole(f[0], 1 << 14), _whole(f[1], 1 << 14)),
    "date": datetime.date.fromisoformat,
    "timedelta": lambda f: datetime.timedelta(*f),
    "time": lambda f: datetime.time.fromisoformat(f[0]).replace(fold=f[1], tzinfo=_zone_of(f[2])),
    "datetime": lambda f: datetime.datetime.fromisoformat(f[0]).replace(fold=f[1], tzinfo=_zone_of(f[2])),
    "uuid": uuid.UUID,
    "path": pathlib.Path,
    "pure path": pathlib.PurePosixPath,
}


def _whole(digits: str, most: int) -> int:
    if len(digits) > most:  # to work with it would take too long
        raise CannotCross("a number that is too long")
    return int(digits, 16)


def _zone(zone: datetime.tzinfo | None) -> Any:
    if zone is None:
        return None
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key:
        return zone.key
    offset = zone.utcoffset(None)
    if offset is None:
        raise CannotCross("a time zone of a kind that is not known")
    return offset.total_seconds()


def _zone_of(form: Any) -> datetime.tzinfo | None:
    if isinstance(form, str):
        return zoneinfo.ZoneInfo(form)
    return None if form is None else datetime.timezone(datetime.timedelta(seconds=form))


def data_classes() -> tuple[type, ...]:
    """The classes whose objects cross as data, of the libraries that are there."""
    of_code = (object, type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType,
               types.CoroutineType)  # fmt: skip
    found = [kind for kind in CLASSES.values() if kind not in of_code]
    if "numpy" in sys.modules:
        numpy = sys.modules["numpy"]
        found += [numpy.ndarray, numpy.generic]
    if hasattr(pandas := sys.modules.get("pandas"), "DataFrame"):
        found += [pandas.DataFrame, pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray]  # type: ignore[union-attr]
    return tuple(found)


def _plain_object(kind: type) -> bool:
    """Whether objects of ``kind`` are nothing but their attributes."""
    return (
        kind.__new__ is object.__new__
        and kind.__dictoffset__ != 0
        and not any("__slots__" in vars(base) for base in kind.__mro__[:-1])
    )


def _mutable_of_a_library(value: Any) -> bool:
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and type(value) in (numpy.ndarray, numpy.random.Generator, numpy.random.RandomState):
        return True
    return pandas is not None and type(value) in (pandas.DataFrame, pandas.Series)


def _numpy_form(value: Any, of: Callable[[Any], Any]) -> Any:
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


def _numpy_value(form: list[Any], of: Callable[[Any], Any]) -> Any:
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


def _pandas_form(value: Any, of: Callable[[Any], Any]) -> Any:
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):
        return None
    kind = type(value)
    if value is pandas.NA:
        return ["pd.NA"]
    if value is pandas.NaT:
        return ["pd.NaT"]
    if kind is pandas.Timestamp:
        return ["pd.Timestamp", value.as_unit("ns").value, value.unit, _zone(value.tzinfo)]
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
        return ["pd.index", _column(value.array, of), of(value.name), getattr(value, "freqstr", None)]
    if kind is pandas.Series:
        return ["pd.series", _column(value.array, of), of(value.index), of(value.name), of(dict(value.attrs))]
    if kind is pandas.DataFrame:
        columns = [_column(value.iloc[:, place].array, of) for place in range(value.shape[1])]
        return ["pd.frame", columns, of(value.index), of(value.columns), of(dict(value.attrs))]
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return ["pd.array", _column(value, of)]
    if isinstance(value, pandas.api.extensions.ExtensionDtype):
        return ["pd.dtype", str(value)]
    return None


def _column(array: Any, of: Callable[[Any], Any]) -> Any:
    import pandas

    if isinstance(array, pandas.Categorical):
        return ["categorical", of(array.codes), of(array.categories), array.ordered]
    if str(array.dtype) in ("str", "string"):
        return ["strings", str(array.dtype), [item if isinstance(item, str) else None for item in array]]
    if isinstance(array.dtype, pandas.api.extensions.ExtensionDtype):
        return ["extension", str(array.dtype), [of(item) for item in array]]
    return ["plain", of(array.to_numpy())]


def _column_value(form: list[Any], of: Callable[[Any], Any]) -> Any:
    import pandas

    if form[0] == "categorical":
        return pandas.Categorical.from_codes(of(form[1]), of(form[2]), ordered=form[3])
    if form[0] == "strings":
        return pandas.array(form[2], dtype={"str": "str", "string": "string"}[form[1]])
    if form[0] == "extension":
        return pandas.array([of(item) for item in form[2]], dtype=str(form[1]))
    return of(form[1])


def _pandas_value(form: list[Any], of: Callable[[Any], Any]) -> Any:
    import pandas

    match form:
        case ["pd.NA"]:
            return pandas.NA
        case ["pd.NaT"]:
            return pandas.NaT
        case ["pd.Timestamp", value, unit, zone]:
            made = pandas.Timestamp(value, unit="ns")
            made = made if zone is None else made.tz_localize("UTC").tz_convert(_zone_of(zone))
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


def _assign(thing: Any, value: Any) -> None:
    """Give ``thing`` the content of ``value``, which is of its kind."""
    if isinstance(thing, (list, bytearray)):
        thing[:] = value
    elif isinstance(thing, (dict, set)):
        thing.clear()
        thing.update(value)
    elif isinstance(thing, collections.deque):
        thing.clear()
        thing.extend(value)
    elif isinstance(thing, random.Random):
        thing.setstate(value.getstate())
    elif isinstance(thing, (io.StringIO, io.BytesIO)):
        thing.seek(0)
        thing.truncate()
        thing.write(value.getvalue())
        thing.seek(value.tell())
    elif hasattr(thing, "_update_inplace"):  # a frame or series
        thing._update_inplace(value)
        thing.attrs.update(value.attrs)
    elif hasattr(thing, "bit_generator"):
        thing.bit_generator.state = value.bit_generator.state
    elif hasattr(thing, "get_state"):
        thing.set_state(value.get_state())
    elif hasattr(thing, "dtype"):
        if thing.shape != value.shape:
            thing.resize(value.shape, refcheck=False)
        thing[...] = value
    else:
        fields: Mapping[str, Any] = vars(value)
        vars(thing).clear()
        vars(thing).update(fields)


def packed(form: Any) -> bytes:
    """The bytes of ``form``. Raises :class:`CannotCross` if they are too many."""
    data: bytes = msgpack.packb(form, unicode_errors="surrogatepass")
    if len(data) > LARGEST:
        raise CannotCross(f"it is larger than {LARGEST >> 20} MiB")
    return data


def unpacked(data: bytes) -> Any:
    """The form of ``data``. Raises :class:`CannotCross`."""
    try:
        return msgpack.unpackb(data, unicode_errors="surrogatepass", strict_map_key=False, use_list=True)
    except Exception as failure:
        raise CannotCross(f"no message ({type(failure).__name__})") from None
