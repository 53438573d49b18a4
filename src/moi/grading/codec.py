"""Turns values into bytes and back between the learner's process and the judge: a closed set of kinds, no pickle.

What is data crosses as a copy, of exactly the same type. Everything else crosses as a handle, through the two hooks
of :class:`Codec`. The bytes of a learner may be anything: decoding them makes data of the kinds listed here, or
raises :class:`CannotCross`; no code of theirs runs.
"""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import inspect
import io
import random
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgpack

from moi.grading.libraries import is_mutable, numpy_form, numpy_value, pandas_form, pandas_value
from moi.grading.scalars import OF_KIND, SCALARS, CannotCross

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
_KEYS: type = type({}.keys())
_CLASS_NAMES: dict[type, str] = {kind: name for name, kind in CLASSES.items()}
_MUTABLE = (list, dict, set, bytearray, collections.deque, collections.OrderedDict, collections.Counter,
            collections.defaultdict, random.Random, io.StringIO, io.BytesIO)  # fmt: skip


def can_change(value: Any) -> bool:
    """Whether data are of a kind that can be changed in place."""
    return type(value) in _MUTABLE or is_mutable(value)


class There:
    """Base of what stands for an object of the other side."""


@dataclasses.dataclass
class Crossing:
    """The mutable things of one call, so that what the other side changes in them can be brought back."""

    things: dict[int, Any] = dataclasses.field(default_factory=dict)  # by number
    numbers: dict[int, int] = dataclasses.field(default_factory=dict)  # by id
    states: dict[int, bytes] = dataclasses.field(default_factory=dict)  # as they crossed
    handles: list[Any] = dataclasses.field(default_factory=list)  # what is no data
    passing: list[int] | None = None  # numbers that hold for one look only

    def add(self, thing: Any, number: int | None = None) -> int:
        if number is None:
            number = len(self.things) if self.passing is None else -1 - len(self.passing)
        self.things[number] = thing
        self.numbers[id(thing)] = number
        if self.passing is not None:
            self.passing.append(number)
        return number

    @contextlib.contextmanager
    def look(self) -> Iterator[None]:
        """Forget afterwards what is numbered meanwhile: some forms are made of things that are new each time."""
        self.passing = []
        try:
            yield
        finally:
            for number in self.passing:
                del self.numbers[id(self.things.pop(number))]
            self.passing = None

    def separate(self) -> None:
        """Put copies in the place of the things, as they are to each other."""
        self.things = copy.deepcopy(self.things, {id(other): other for other in self.handles})


class Codec:
    """``export`` gives the form of what is no data, ``resolve`` the object for such a form.

    ``shared`` names the classes that the author's own cells define in ``__main__``: both sides have them.
    """

    def __init__(self, export: Callable[[Any], Any], resolve: Callable[[Any], Any]) -> None:
        self.export = export
        self.resolve = resolve
        self.shared: frozenset[str] = frozenset()
        self.own_tuples = True  # whether named tuples of classes of ``__main__`` cross as data
        self.guards = False  # whether what comes in may be made to deceive

    def encode(self, value: Any, crossing: Crossing | None = None, depth: int = 0) -> Any:
        """``value`` in the terms of MessagePack: scalars as they are, all else as a list that begins with its kind.

        Mutable things in it are numbered in ``crossing``. Raises :class:`CannotCross`.
        """
        if depth > DEEPEST:
            raise CannotCross("it is nested too deeply")
        kind = type(value)
        if value is None or kind is bool or kind is float or kind is str or kind is bytes:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else ["int", hex(value)]
        if issubclass(kind, There) or (issubclass(kind, type) and issubclass(value, There)):
            if crossing is not None:
                crossing.handles.append(value)
            return ["there", self.export(value)]
        number = None
        if crossing is not None:
            if (known := crossing.numbers.get(id(value))) is not None:
                return ["same", known]
            if can_change(value) or self._is_mutable_object(kind):
                number = crossing.add(value)
        form = self._form(value, lambda part: self.encode(part, crossing, depth + 1))
        if crossing is not None and form[0] == "there":
            crossing.handles.append(value)
        return form if number is None else ["new", number, form]

    def _form(self, value: Any, of: Callable[[Any], Any]) -> Any:
        kind = type(value)
        if scalar := SCALARS.get(kind):
            return [scalar.kind, scalar.form(value)]
        if kind in (list, tuple, set, frozenset):
            return [kind.__name__, [of(item) for item in value]]
        if kind is collections.defaultdict:
            factory = _CLASS_NAMES.get(value.default_factory) if isinstance(value.default_factory, type) else None
            return ["defaultdict", [[of(key), of(entry)] for key, entry in value.items()], factory]
        if kind in (dict, collections.OrderedDict, collections.Counter):
            return [kind.__name__, [[of(key), of(entry)] for key, entry in value.items()]]
        if kind is _KEYS:
            return ["keys", [of(key) for key in value]]
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
        if form := numpy_form(value, of) or pandas_form(value, of):
            return form
        ours = self.own_tuples or kind.__module__ != "__main__"
        if ours and isinstance(value, tuple) and hasattr(kind, "_fields") and kind.__mro__[1] is tuple:
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

    def _is_mutable_object(self, kind: type) -> bool:
        return kind.__module__ == "__main__" and self._by_value(kind) and not issubclass(kind, enum.Enum)

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
        if kind in OF_KIND:
            return OF_KIND[kind](form[1])
        if kind in ("list", "tuple", "set", "frozenset"):
            return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](map(of, form[1]))
        if kind in ("dict", "OrderedDict", "Counter", "defaultdict"):
            entries = {of(key): of(entry) for key, entry in form[1]}
            if kind == "defaultdict":
                return collections.defaultdict(CLASSES.get(form[2]), entries)
            return entries if kind == "dict" else getattr(collections, kind)(entries)
        if kind == "keys":
            return dict.fromkeys(map(of, form[1])).keys()
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
            return numpy_value(form, of)
        if kind.startswith("pd."):
            return pandas_value(form, of)
        if kind == "named" and len(form[2]) <= 255:
            of_given: Any = vars(sys.modules["__main__"]).get(form[1])
            is_one = isinstance(of_given, type) and issubclass(of_given, tuple)
            if is_one and vars(of_given).get("_fields") == tuple(form[2]):
                return of_given(*map(of, form[3]))
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
            fields = {str(key): of(entry) for key, entry in form[2]}
            for key in list(fields) if self.guards else ():
                own = inspect.getattr_static(found, key, None)
                if isinstance(own, functools.cached_property):
                    del fields[key]  # it is computed here
                elif callable(own) or hasattr(type(own), "__get__"):
                    raise CannotCross("a field that takes the place of a method")
            vars(made).update(fields)
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
            if self._noted(crossing, number) != before:
                result.append([number, self._state(crossing, number)])
        return result

    def note_states(self, crossing: Crossing) -> None:
        """Remember how the things of ``crossing`` are now."""
        for number in list(crossing.things):
            crossing.states[number] = self._noted(crossing, number)

    def _noted(self, crossing: Crossing, number: int) -> bytes:
        with crossing.look():
            return packed(self._state(crossing, number))

    def _state(self, crossing: Crossing, number: int) -> Any:
        # Parts that crossed too are named by number, so that each thing stands for itself alone.
        return self._form(crossing.things[number], lambda part: self.encode(part, crossing, 1))

    def bring_back(self, changes: Any, crossing: Crossing) -> None:
        """Make the changes of the other side in the things of ``crossing`` here."""
        for number, form in changes:
            thing, value = crossing.things[number], self._value(form, lambda part: self.decode(part, crossing, 1))
            if type(value) is not type(thing):
                raise CannotCross("a change into another kind of value")
            _assign(thing, value)


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
