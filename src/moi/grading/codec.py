"""Turns values into bytes and back between the learner's process and the judge: a closed set of kinds, no pickle.

What is data crosses as a copy, of exactly the same type. Everything else crosses as a handle, through the two hooks
of :class:`Codec`. The bytes of a learner may be anything: decoding them makes data of the kinds listed here, or
raises :class:`CannotCross`; no code of theirs runs.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import inspect
import io
import itertools
import math
import operator
import random
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgpack

from moi.grading.annotations import KINDS as TYPES
from moi.grading.annotations import TYPE_CLASSES, Of, type_form, type_value
from moi.grading.crossing import Crossing, State, There, assign
from moi.grading.libraries import (
    class_form,
    class_value,
    is_mutable,
    is_result,
    numpy_form,
    numpy_value,
    pandas_form,
    pandas_value,
    result_of,
    sparse_form,
    sparse_value,
    view_form,
)
from moi.grading.scalars import OF_KIND, SCALARS, CannotCross

DEEPEST = 100
NESTED = 40  # from this depth on what need not lie in another form does not
LARGEST = 64 << 20
# Parts of parts that are hashed: there Python looks at each again and again, and at no limit of its stack.
_LARGEST_HASHED, _DEEPEST_HASHED = 1_000_000, 5_000
# Classes that cross by name; any other class of a learner crosses as a handle.
CLASSES: dict[str, type] = {
    str(kind.__name__): kind
    for kind in (
        bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, slice, object, type,
        type(None), types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType,
        types.CoroutineType, datetime.date, datetime.time, datetime.datetime, datetime.timedelta, decimal.Decimal,
        fractions.Fraction, types.SimpleNamespace, collections.OrderedDict, collections.Counter, collections.deque,
        collections.defaultdict,
    )
}  # fmt: skip
ATOMS = (type(None), bool, int, float, complex, str, bytes)
_METHODS = (types.WrapperDescriptorType, types.MethodDescriptorType)
_VIEWED = ("keys", "values", "items")
_VIEWS: dict[type, tuple[str, str]] = {
    type(getattr(kind(), name)()): (kind.__name__, name) for kind in (dict, collections.OrderedDict) for name in _VIEWED
}
_CONTAINERS: dict[str, Callable[[], Any]] = {
    kind.__name__: kind for kind in (list, set, dict, collections.OrderedDict, collections.Counter)
}
_EMPTY_FIRST = (*_CONTAINERS, "defaultdict", "deque", "result", "namespace", "fields", "object")
_CLASS_NAMES: dict[type, str] = {kind: name for name, kind in CLASSES.items()}
_MUTABLE = (list, dict, set, bytearray, collections.deque, collections.OrderedDict, collections.Counter,
            collections.defaultdict, random.Random, io.StringIO, io.BytesIO, types.SimpleNamespace)  # fmt: skip


def can_change(value: Any) -> bool:
    """Whether data are of a kind that can be changed in place."""
    return can_change_kind(type(value))  # type: ignore[arg-type]


@functools.lru_cache(1000)
def can_change_kind(kind: type) -> bool:
    """The same of their class."""
    return kind in _MUTABLE or is_mutable(kind)


def _parts(thing: Any) -> list[Any] | None:
    """What lies in a list or the like, one after the other."""
    kind = type(thing)
    if kind in (dict, collections.OrderedDict, collections.Counter):
        return [*thing, *thing.values()]
    return list(thing) if kind in (list, set, collections.deque) else None


def _are_same(now: list[Any] | None, before: list[Any]) -> bool:
    return now is not None and len(now) == len(before) and all(map(operator.is_, now, before))


@functools.lru_cache(1000)
def _is_named_by_number(kind: type) -> bool:
    """Whether the form of an object of this class is its number, whatever has become of it."""
    if kind.__module__ == "__main__" and not issubclass(kind, BaseException):
        return all(base.__module__ == "__main__" or base in (object, There) for base in kind.__mro__)
    return issubclass(kind, There)


def _not_a_number() -> float:
    """The one that everybody uses: lists are equal that hold the same one, and not such that hold two."""
    return getattr(sys.modules.get("numpy"), "nan", math.nan)


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

    def encode(self, value: Any, crossing: Crossing | None = None) -> Any:
        """``value`` in the terms of MessagePack: scalars as they are, all else as a list that begins with its kind.

        Mutable things in it are numbered in ``crossing``. Raises :class:`CannotCross`.
        """
        return self._written(lambda of: of(value), crossing or Crossing())

    def _written(self, write: Callable[[Of], Any], crossing: Crossing) -> Any:
        """The form that ``write`` makes, with the forms of the things in it that have none yet.

        Each thing stands by itself, and others name it by its number: so things may hold each other, and a chain
        of them may be of any length.
        """
        met: list[tuple[Any, list[Any]]] = []  # things, and where their number is to stand
        # What the other side has; with one look at one thing, all that have numbers.
        earlier = dict(crossing.numbers) if crossing.passing is None else crossing.numbers

        def of(part: Any, depth: int = 0) -> Any:
            kind = type(part)
            if part is None or kind is bool or kind is float or kind is str or kind is bytes:
                return part
            if kind is int:
                return part if -(2**63) <= part < 2**63 else ["int", hex(part)]
            if depth > DEEPEST:
                raise CannotCross("it is nested too deeply")
            if issubclass(kind, There) or (issubclass(kind, type) and issubclass(part, There)):
                crossing.handles.append(part)
                return ["there", self.export(part)]
            known = crossing.numbers.get(id(part))
            alone = known is not None or self.is_mutable(part)
            if alone or (depth > NESTED and (kind is tuple or kind is frozenset or _is_named(kind))):
                met.append((part, ["same", known]))
                return met[-1][1]
            return form_of(part, depth + 1)  # noqa: F821

        def form_of(part: Any, depth: int) -> Any:
            form = self._form(part, lambda inner: of(inner, depth))
            if form[0] == "there":
                crossing.handles.append(part)
            return view_form(part, form, earlier) if form[0] == "np.array" else form

        forms: dict[int, Any] = {}
        parts: dict[int, list[list[Any]]] = {}
        try:
            root = write(of)
            waiting = met[::-1]
            while waiting:
                thing, place = waiting.pop()
                if (number := crossing.numbers.get(id(thing))) is None:
                    number = crossing.add(thing)
                    met.clear()
                    forms[number] = None
                    forms[number] = form_of(thing, 1)
                    parts[number] = [where for _, where in met]
                    waiting += reversed(met)
                place[1] = number
        except BaseException:
            if crossing.passing is None:
                crossing.forget(forms)  # the other side never hears of them
            raise
        finally:
            met.clear()  # whoever counts references to the things is not to find these
            del form_of  # else the two functions would hold each other, and what crosses
        if not forms:
            return root
        order = _in_order({number: {where[1] for where in parts[number]} for number in forms}, forms)
        return ["heap", root, [[number, forms[number]] for number in order]]

    def _form(self, value: Any, of: Of) -> Any:
        kind = type(value)
        if scalar := SCALARS.get(kind):
            return [scalar.kind, scalar.form(value)]
        if kind is types.FunctionType or kind is types.MethodType:
            return ["there", self.export(value)]
        if kind in (list, tuple, set, frozenset):
            return [kind.__name__, [of(item) for item in value]]
        if kind is collections.defaultdict:
            factory = _CLASS_NAMES.get(value.default_factory) if isinstance(value.default_factory, type) else None
            return ["defaultdict", [[of(key), of(entry)] for key, entry in value.items()], factory]
        if kind in (dict, collections.OrderedDict, collections.Counter):
            return [kind.__name__, [[of(key), of(entry)] for key, entry in value.items()]]
        if viewed := _VIEWS.get(kind):
            entries = enumerate(value) if viewed[1] == "values" else value
            pairs = zip(value, itertools.repeat(None)) if viewed[1] == "keys" else entries
            return ["view", *viewed, [[of(key), of(entry)] for key, entry in pairs]]
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
        if isinstance(value, type) and (form := class_form(value)):
            return form
        if kind in _METHODS and _CLASS_NAMES.get(value.__objclass__):
            return ["method", _CLASS_NAMES[value.__objclass__], value.__name__]
        if kind is types.SimpleNamespace:
            return ["namespace", [[key, of(entry)] for key, entry in vars(value).items()]]
        if form := numpy_form(value, of) or pandas_form(value, of) or sparse_form(value, of) or type_form(value, of):
            return form
        if _is_named(kind) and (self.own_tuples or kind.__module__ != "__main__"):
            extra = {key: getattr(value, key) for key in getattr(kind, "_extra_fields", ())}
            fields = [[key, of(entry)] for key, entry in extra.items()]
            return ["named", kind.__name__, list(kind._fields), [of(item) for item in value], fields]
        if is_result(kind):
            return ["result", kind.__module__, kind.__name__, [[of(key), of(entry)] for key, entry in value.items()]]
        if self._by_value(kind):
            if isinstance(value, enum.Enum):
                return ["enum", kind.__module__, kind.__qualname__, value.name]
            if dataclasses.is_dataclass(value):
                form = "fields" if _only_fields(kind) else "record"
                names = [field.name for field in dataclasses.fields(value) if field.init]
                return [form, kind.__module__, kind.__qualname__, [[name, of(getattr(value, name))] for name in names]]
            return ["object", kind.__qualname__, [[key, of(entry)] for key, entry in vars(value).items()]]
        return ["there", self.export(value)]

    def _by_value(self, kind: type) -> bool:
        """Whether both sides have the class ``kind``, and its objects are their fields."""
        if kind.__module__ == "__main__":
            own = kind.__qualname__ in self.shared and not issubclass(kind, (BaseException, type))
            return own and (issubclass(kind, enum.Enum) or dataclasses.is_dataclass(kind) or _plain_object(kind))
        library = isinstance(sys.modules.get(kind.__module__), types.ModuleType)
        return library and (issubclass(kind, enum.Enum) or dataclasses.is_dataclass(kind))

    def is_mutable(self, value: Any) -> bool:
        """Whether ``value`` is data that can be changed in place, an object of a given class among them."""
        kind = type(value)
        of_given = kind.__module__ == "__main__" and self._by_value(kind) and not issubclass(kind, enum.Enum)
        return of_given or can_change(value)

    def state(self, value: Any) -> bytes:
        """The same for data as long as they do not change; nothing for what cannot cross."""
        try:
            return packed(self.encode(value))
        except Exception:
            return b""

    def decode(self, form: Any, crossing: Crossing | None = None) -> Any:
        """The value of ``form``. Raises :class:`CannotCross` for what is none."""
        crossing = crossing or Crossing()
        with _understood():
            return self._part(self._opened(form, crossing), crossing, 0)

    def _opened(self, form: Any, crossing: Crossing) -> Any:
        """``form`` without the things that come with it, which are made."""
        if isinstance(form, list) and form[:1] == ["heap"]:
            _, form, entries = form
            self._read(entries, crossing)
        return form

    def _read(self, entries: list[Any], crossing: Crossing) -> None:
        """Make the things that stand by themselves: first all that can be filled later, as others may hold them."""
        empty: set[int] = set()
        for number, form in entries:
            if type(number) is not int or number in crossing.things:
                raise CannotCross("a number that is taken")
            if (thing := self._empty(form)) is not None:
                crossing.add(thing, number)
                empty.add(number)
        for number, form in entries:
            of = functools.partial(self._part, crossing=crossing, depth=1)
            if number in empty:
                self._fill(crossing.things[number], form, of)
            elif number in crossing.things:
                raise CannotCross("a number that is taken")
            else:
                crossing.met = (0, 0)
                crossing.add(self._value(form, of), number)
                crossing.sizes[number] = size, levels = crossing.met[0] + 1, crossing.met[1] + 1
                if size > _LARGEST_HASHED or levels > _DEEPEST_HASHED:
                    raise CannotCross("it is nested too deeply")

    def _part(self, form: Any, crossing: Crossing, depth: int) -> Any:
        if not isinstance(form, list):
            if form is None or type(form) in (bool, int, float, str, bytes):
                return form if form == form else _not_a_number()  # noqa: PLR0124
            raise CannotCross("no value")
        if depth > DEEPEST:
            raise CannotCross("it is nested too deeply")
        if form[0] == "same":
            size, levels = crossing.sizes.get(form[1], (0, 0))
            crossing.met = crossing.met[0] + size, max(crossing.met[1], levels)
            return crossing.things[form[1]]
        return self._value(form, lambda part: self._part(part, crossing, depth + 1))

    def _empty(self, form: list[Any]) -> Any:
        """A thing of the kind of ``form``, to be filled; nothing if it is made of its parts."""
        kind = form[0]
        if kind in _CONTAINERS:
            return _CONTAINERS[kind]()
        if kind == "defaultdict":
            return collections.defaultdict(CLASSES.get(form[2]))
        if kind == "deque":
            return collections.deque((), form[2])
        if kind == "result":
            return result_of(form[1], form[2])
        if kind == "namespace":
            return types.SimpleNamespace()
        if kind == "object":
            return object.__new__(_checked(self._class("__main__", form[1]), _plain_object))
        if kind == "fields":
            # Its constructor does nothing but to set them.
            return _checked(self._class(*form[1:3]), _only_fields)(**{field: None for field, _ in form[3]})
        return None

    def _fill(self, thing: Any, form: list[Any], of: Of) -> None:
        kind = form[0]
        if kind == "list" or kind == "deque":
            thing.extend(map(of, form[1]))
        elif kind == "set":
            thing.update(map(of, form[1]))
        elif kind == "fields":
            for field, entry in form[3]:
                setattr(thing, field, of(entry))
        elif kind == "object" or kind == "namespace":
            fields = vars(thing)
            for key, entry in form[-1]:
                own = inspect.getattr_static(type(thing), str(key), None) if self.guards else None
                if isinstance(own, functools.cached_property):
                    continue  # it is computed here
                special = self.guards and str(key).startswith("__")  # numpy would read where it says
                if special or callable(own) or hasattr(type(own), "__get__"):
                    raise CannotCross("a field that takes the place of a method")
                fields[str(key)] = of(entry)
        else:
            for key, entry in form[3 if kind == "result" else 1]:
                if kind == "result" and str(key).startswith("__"):
                    raise CannotCross("a field that takes the place of a method")
                thing[of(key)] = of(entry)

    def _value(self, form: list[Any], of: Of) -> Any:
        if (thing := self._empty(form)) is not None:
            self._fill(thing, form, of)
            return thing
        kind = form[0]
        if kind in OF_KIND:
            return OF_KIND[kind](form[1])
        if kind == "tuple" or kind == "frozenset":
            return (tuple if kind == "tuple" else frozenset)(map(of, form[1]))
        if kind == "view":
            return getattr(self._value([form[1], form[3]], of), _checked(form[2], _VIEWED.__contains__))()
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
        if kind == "library":
            return class_value(form)
        if kind == "method":
            return _checked(vars(CLASSES[form[1]])[form[2]], lambda method: type(method) in _METHODS)
        if kind in TYPES:
            return type_value(form, of)
        if kind.startswith("np."):
            return numpy_value(form, of)
        if kind.startswith("pd."):
            return pandas_value(form, of)
        if kind.startswith("sparse."):
            return sparse_value(form, of)
        if kind == "named" and len(form[2]) <= 255:
            of_given: Any = vars(sys.modules["__main__"]).get(form[1])
            is_one = isinstance(of_given, type) and issubclass(of_given, tuple) and not issubclass(of_given, There)
            if is_one and vars(of_given).get("_fields") == tuple(form[2]):
                return of_given(*map(of, form[3]))
            return _named(str(form[1]), list(form[2]), list(map(of, form[3])), {k: of(each) for k, each in form[4]})
        if kind == "there":
            return self.resolve(form[1])
        if kind == "enum":
            return self._class(*form[1:3])[form[3]]  # type: ignore[index]
        if kind == "record":
            # Through its own constructor: what a class does not allow, does not cross either.
            return self._class(*form[1:3])(**{field: of(entry) for field, entry in form[3]})
        raise CannotCross(f"no kind of value: {str(kind)[:20]!r}")

    def _class(self, module: str, name: str) -> type:
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = vars(found)[part]
        ours = module.startswith("moi.grading")
        if not isinstance(found, type) or found.__module__ != module or ours or not self._by_value(found):
            raise CannotCross(f"{name[:50]!r} is no class that both sides have")
        return found

    def changed(self, crossing: Crossing) -> Any:
        """The things of ``crossing`` that are no longer as they were when last noted, for :meth:`changes`."""
        if not crossing.states:
            return []
        numbers = []
        for number, before in list(crossing.states.items()):
            if before.parts is not None and _are_same(_parts(crossing.things[number]), before.parts):
                continue
            self.note_state(crossing, number)
            if crossing.states[number].form not in (before.form, b""):  # what is no more cannot be told
                numbers.append(number)
        crossing.looked += sum(len(state.form) for state in crossing.states.values())
        forms = self._written(lambda of: [[n, self._form(crossing.things[n], of)] for n in numbers], crossing)
        self.note_new(crossing)
        return forms

    def changes(self, changed: Any, crossing: Crossing) -> Any:
        """What the other side has :meth:`changed`, for :meth:`bring_back`: of each thing its number and form now."""
        with _understood():
            return self._opened(changed, crossing)

    def note_states(self, crossing: Crossing) -> None:
        """Remember how the things of ``crossing`` are now that have come to it."""
        for number in list(crossing.things):
            if number not in crossing.states:
                self.note_state(crossing, number)

    def note_new(self, crossing: Crossing) -> None:
        """Remember so what is new in things that have changed, as it may change too; but not what no thing holds."""
        for number in crossing.things.keys() - crossing.states.keys():
            if sys.getrefcount(crossing.things[number]) > 2:  # the crossing, and the question
                self.note_state(crossing, number)

    def note_state(self, crossing: Crossing, number: int) -> None:
        """Remember how one of them is now."""
        parts = _parts(crossing.things[number])
        lasting = parts is not None and all(self._is_lasting(part, crossing) for part in parts)
        crossing.states[number] = State(self._noted(crossing, number), parts if lasting else None)

    def _is_lasting(self, part: Any, crossing: Crossing) -> bool:
        """Whether what stands for ``part`` in the form of a list stays the same as long as it lies there."""
        kind = type(part)
        if kind in ATOMS or id(part) in crossing.numbers:
            return True
        if kind is tuple:
            return all(self._is_lasting(each, crossing) for each in part)
        return not self.is_mutable(part) and _is_named_by_number(kind)  # type: ignore[arg-type]

    def _noted(self, crossing: Crossing, number: int) -> bytes:
        with crossing.look(), contextlib.suppress(CannotCross, ValueError):  # such as a file that is closed
            # Parts that crossed too are named by number, so that each thing stands for itself alone.
            return packed(self._written(lambda of: self._form(crossing.things[number], of), crossing))
        return b""

    def bring_back(self, changes: Any, crossing: Crossing) -> None:
        """Make the changes of the other side in the things of ``crossing`` here."""
        for number, form in changes:
            thing, value = crossing.things[number], self.decode(form, crossing)
            if type(value) is not type(thing):
                raise CannotCross("a change into another kind of value")
            assign(thing, value)


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except CannotCross:
        raise
    except Exception as failure:
        raise CannotCross(f"no value ({type(failure).__name__})") from None


def data_classes() -> tuple[type, ...]:
    """The classes whose objects cross as data, of the libraries that are there."""
    of_code = (object, type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType,
               types.CoroutineType)  # fmt: skip
    found = [kind for kind in CLASSES.values() if kind not in of_code]
    if "numpy" in sys.modules:
        numpy = sys.modules["numpy"]
        found += [numpy.ndarray, numpy.generic]
    if sparse := sys.modules.get("scipy.sparse"):
        found += [sparse.sparray, sparse.spmatrix]
    if hasattr(pandas := sys.modules.get("pandas"), "DataFrame"):
        found += [pandas.DataFrame, pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray]  # type: ignore[union-attr]
    return (*found, *TYPE_CLASSES)


def _plain_object(kind: type) -> bool:
    """Whether objects of ``kind`` are nothing but their attributes."""
    return (
        kind.__new__ is object.__new__
        and kind.__dictoffset__ != 0
        and not any("__slots__" in vars(base) for base in kind.__mro__[:-1])
    )


def _only_fields(kind: type) -> bool:
    """Whether ``kind`` is a dataclass whose constructor sets its fields, and does nothing else."""
    settings = vars(kind).get("__dataclass_params__")
    if settings is None or not settings.init or settings.frozen or not _plain_object(kind):
        return False
    fields: Any = dataclasses.fields(kind)
    own = [inspect.getattr_static(kind, field.name, None) for field in fields]
    return (
        not hasattr(kind, "__post_init__")
        and kind.__setattr__ is object.__setattr__
        and all(field.init for field in fields)
        and not any(hasattr(type(each), "__set__") for each in own)
    )


def _is_named(kind: type) -> bool:
    """Whether ``kind`` is made by ``namedtuple``, or as its like."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields") and kind.__mro__[1] is tuple


@functools.lru_cache(1000)
def _named_class(name: str, fields: tuple[str, ...], extra: tuple[str, ...]) -> Any:
    made = collections.namedtuple(name, fields, rename=True)  # type: ignore[misc]
    if not extra:
        return made
    if any(not key.isidentifier() or key.startswith("_") or hasattr(made, key) for key in extra):
        raise CannotCross("a field that takes the place of another")
    body = {key: value for key, value in vars(made).items() if key not in ("__slots__", "__weakref__", "__dict__")}
    return type(name, (tuple,), body | {"_extra_fields": extra})


def _named(name: str, fields: list[str], values: list[Any], extra: dict[str, Any]) -> Any:
    made = _named_class(name, tuple(fields), tuple(extra))(*values)
    if extra:
        vars(made).update(extra)
    return made


def _checked(value: Any, condition: Callable[[Any], bool]) -> Any:
    if not condition(value):
        raise CannotCross("a value of another kind")
    return value


def _in_order(parts: Mapping[int, set[int]], forms: Mapping[int, Any]) -> list[int]:
    """The order in which things are filled or made: each after its parts, as far as they do not hold each other.

    Of those that do, some can be used while they are empty: best a list or the like, which nobody looks into as long
    as it is in the making. An object may be asked for its hash.
    """
    if all(parts.keys().isdisjoint(inside) for inside in parts.values()):
        return list(parts)
    users: dict[int, list[int]] = {number: [] for number in parts}
    lacking = {number: 0 for number in parts}
    for number, inside in parts.items():
        for part in inside & parts.keys():
            users[part].append(number)
            lacking[number] += 1
    order: list[int] = []
    usable: set[int] = set()
    ready = [number for number in parts if not lacking[number]]
    early: list[int] | None = None
    while len(order) < len(parts):
        if ready:
            order.append(number := ready.pop())
        else:
            if early is None:
                early = [number for number in parts if forms[number][0] in _EMPTY_FIRST]
                early.sort(key=lambda number: (-_EMPTY_FIRST.index(forms[number][0]), number))
            if not early:
                raise CannotCross("it holds itself")
            number = early.pop()
        if number not in usable:
            usable.add(number)
            for user in users[number]:
                lacking[user] -= 1
                if not lacking[user]:
                    ready.append(user)
    return order


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
