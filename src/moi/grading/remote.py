"""Objects of the learner's process, as a test has them.

A function, an object or a class of the learner is here a :class:`Remote` (or a class of such), and each use of it is
a question of :class:`~moi.grading.session.Session` to the learner's process. What comes back is data, judged here.
What decides truth is never asked over there (``==``, ``<``, ``in``, ``bool``, ``hash``), unless the reference solution
itself defines it: then it is what the learner was asked to write.
"""

from __future__ import annotations

import copy
import dataclasses
import operator
from collections.abc import Callable, Collection
from typing import Any, cast

from moi.grading.checks import ErrorEnded
from moi.grading.content import content
from moi.grading.coroutines import Deferred
from moi.grading.crossing import There
from moi.grading.learner import PAIRS, SPECIAL

_TRUTH = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__contains__", "__hash__")
_ORDER = frozenset(("__lt__", "__le__", "__gt__", "__ge__"))
_EXACT = {"__str__": str, "__repr__": str, "__format__": str, "__fspath__": str, "__bytes__": bytes, "__len__": int,
          "__index__": int, "__int__": int, "__float__": float, "__complex__": complex, "__hash__": int}  # fmt: skip
_CONVERTED: dict[type, Callable[[Any], Any]] = {bool: bool, int: operator.index, float: float.__float__}
# Special methods that decide what is true, or are given what the object is held against; and what such a use is called.
_DECIDES = {f"__{prefix}{name}__": name for name in PAIRS for prefix in ("", "r", "i")} | {
    name: name if name in ("__bool__", "__hash__") else name.strip("_").replace("g", "l") for name in _TRUTH
}
_AS_DATA = " as data"  # a use that the reference's data decide: it may be asked of what is no data
# Of a function: a mock would go through all its names, and `inspect` evaluates a text.
_NOT_TOLD = ("__globals__", "__builtins__", "__text_signature__")
_LOOKED_AT = ("__init__", "__annotations__")
_OF_WITH = ("__enter__", "__exit__", "__aenter__", "__aexit__")  # what they may end is looked after here
# By these a library asks an object to take its part in a comparison or a type, or where in memory it lies.
PROTOCOLS = ("__array_", "__typing_", "__arrow", "__dlpack", "__dataframe", "__cuda", "__buffer", "_typ", "_moi")


NO_PLAIN_VALUE = (
    "there is an object of your own where a plain value is needed: a number, a text, a list, an array, a table"
)

# What a class has here: `vars` asks over there, and in `__mro__` are the classes that there are over there.
dict_here: Callable[[Any], Any] = type.__dict__["__dict__"].__get__
mro_here: Callable[[Any], tuple[Any, ...]] = type.__dict__["__mro__"].__get__
bases_here: Callable[[Any], tuple[Any, ...]] = type.__dict__["__bases__"].__get__


class CannotJudge(TypeError):
    """A test asks what cannot be judged from outside the learner's process; ``str(error)`` says how to ask it."""


@dataclasses.dataclass
class Known:
    """What is known here of a learner's object: its ``handle`` over there, and by which ``ways`` tests come by it."""

    session: Any
    handle: int
    ways: set[str]
    steady: str = ""  # of what data it stands in the place, if it does


def known(remote: Any) -> Known:
    """Of a :class:`Remote`, or of a class of the learner's."""
    found: Known | None
    if issubclass(type(remote), RemoteClass):
        above = mro_here(remote)
        found = next((dict_here(base)["_moi_class"] for base in above if "_moi_class" in dict_here(base)), None)
    else:
        found = object.__getattribute__(remote, "_moi")
    if found is None:
        raise TypeError(f"{remote.__name__} is no class of the learner's")
    return found


def is_remote(value: Any) -> bool:
    """Whether ``value`` is a learner's object or class."""
    return type.__subclasscheck__(Remote, type(value)) or issubclass(type(value), RemoteClass)


def is_same(one: Any, other: Any) -> bool:
    """Whether two things are one, also where one learner's object has come by ways that give it other rights."""
    if one is other or not (isinstance(one, Remote) and isinstance(other, Remote)):
        return one is other
    return known(one).session is known(other).session and known(one).handle == known(other).handle


class RemoteClass(type):
    """The class of the learner's own classes: to call one makes an object over there."""

    def __new__(cls, name: str, bases: tuple[Any, ...], body: dict[str, Any], **options: Any) -> Any:
        learners = next((base for base in bases if "_moi_class" in dict_here(base)), None)
        if learners is None or "__qualname__" not in body:  # else it stands in a test
            return super().__new__(cls, name, bases, body)
        return known(learners).session.derived(name, bases, body, options)

    def __init__(cls, *_: Any, **__: Any) -> None:
        """One that a test derives is made already."""

    def mro(cls) -> list[type]:
        """With the classes after it that both sides have and from which it derives over there."""
        if "_moi_class" in dict_here(cls):  # it is made, and the test asks
            return list(cls.__mro__)
        usual = list(super().mro())
        derives = [base for each in dict_here(cls).get("_moi_derives", ()) for base in each.__mro__]
        return usual[:-1] + [base for base in dict.fromkeys(derives) if base not in usual] + [object]

    def __call__(cls, *given: Any, **named: Any) -> Any:
        if "_moi_class" not in dict_here(cls):
            return super().__call__(*given, **named)
        return known(cls).session.call(cls, given, named)

    def __instancecheck__(cls, thing: Any) -> bool:
        return type.__instancecheck__(cls, thing) or _takes_for_its_own(cls, isinstance, thing)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return type.__subclasscheck__(cls, kind) or _takes_for_its_own(cls, issubclass, kind)

    def __getattribute__(cls, name: str) -> Any:
        looked_up = name in SPECIAL and name not in _OF_WITH  # else it would be what stands here for it
        if looked_up and "_moi_class" in dict_here(cls):
            return known(cls).session.ask("get", cls, name)
        return super().__getattribute__(name)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith(PROTOCOLS) or not any("_moi_class" in dict_here(base) for base in mro_here(cls)):
            raise AttributeError(name)
        if name == "__dataclass_fields__":
            fields = known(cls).session.ask("get", cls, name)
            made = dataclasses.make_dataclass("Fields", [(str(field), there.type) for field, there in fields.items()])
            return {field.name: field for field in dataclasses.fields(made)}
        if name == "__signature__":
            return known(cls).session.ask("apply", "inspect", "signature", (cls,))
        return known(cls).session.ask("get", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        known(cls).session.ask("set", cls, name, value)

    def __delattr__(cls, name: str) -> None:
        known(cls).session.ask("delete", cls, name)

    @property  # type: ignore[misc]
    def __dict__(cls) -> Any:  # type: ignore[override]
        here = dict_here(cls)
        return known(cls).session.ask("get", cls, "__dict__") if "_moi_class" in here else here

    @property  # type: ignore[misc]
    def __mro__(cls) -> tuple[Any, ...]:  # type: ignore[override]
        return tuple(base for base in mro_here(cls) if base not in _ONLY_HERE)

    @property  # type: ignore[misc]
    def __bases__(cls) -> tuple[Any, ...]:  # type: ignore[override]
        return dict_here(cls).get("_moi_bases") or bases_here(cls)

    def __dir__(cls) -> list[str]:
        return _names_in(cls)

    # What a class can do that has a class of its own, such as an enumeration.

    def _special(cls, name: str, *given: Any) -> Any:
        try:
            if not known(cls).session.may_ask_class(cls, name):
                raise AttributeError(name)
            return known(cls).session.ask("special", cls, name, given)
        except AttributeError:
            raise TypeError(f"the class {cls.__name__} has no {name}") from None

    def __iter__(cls) -> Any:
        return cls._special("__iter__")

    def __reversed__(cls) -> Any:
        return cls._special("__reversed__")

    def __len__(cls) -> Any:
        return cls._special("__len__")

    def __getitem__(cls, key: Any) -> Any:
        try:
            return cls._special("__getitem__", key)
        except TypeError:
            if hasattr(cls, "__class_getitem__"):
                return cls.__class_getitem__(key)
            raise

    def __contains__(cls, item: Any) -> bool:
        return _contains(cls, item)

    def __bool__(cls) -> bool:
        return True


def _takes_for_its_own(cls: Any, check: Callable[..., bool], thing: Any) -> bool:
    """Whether a learner's class says yes, as a protocol does, to what does not derive from it."""
    return "_moi_class" in dict_here(cls) and known(cls).session.takes_for_its_own(cls, check.__name__, thing)


class Remote(There, metaclass=RemoteClass):
    """An object of the learner's process."""

    _moi_looks = cast("type | None", None)  # an annotation would pass for one of the learner's

    def __getattr__(self, name: str) -> Any:
        if name == "__code__":
            return known(self).session.code_of(self)
        if name.startswith(PROTOCOLS) or name in _NOT_TOLD:
            raise AttributeError(name)
        if name == "__dataclass_fields__":
            return type(self).__dataclass_fields__
        return known(self).session.ask("get", self, name)

    def __init_subclass__(cls, **_: Any) -> None:
        """Nothing is done here that a class may do when another derives from it."""

    def __setattr__(self, name: str, value: Any) -> None:
        known(self).session.ask("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        known(self).session.ask("delete", self, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self)._moi_looks or type(self)

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return known(self).session.ask("get", self, "__dict__")

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return known(self).session.ask("get", self, "__doc__")

    def _moi_home(self, function: Callable[..., Any], *rest: Any) -> Any:
        """Have ``function``, of a module that both sides have, done over there, with this object first."""
        return known(self).session.ask("apply", function.__module__, function.__qualname__, (self, *rest))

    def _moi_has_a_name(self) -> bool:
        """Whether the learner's cells have bound it to a name, and nothing has made it in the test."""
        return all(way.isidentifier() for way in known(self).ways)

    def __eq__(self, other: object) -> Any:
        return True if self is other else NotImplemented

    __ne__ = object.__ne__

    def __hash__(self) -> int:
        return id(self)

    def __str__(self) -> str:
        return f"<{type(self).__name__} of the learner>"

    __repr__ = __str__

    def __format__(self, how: str) -> str:
        return format(str(self), how)

    def __bool__(self) -> bool:
        return bool(known(self).session.is_true(self))

    def __dir__(self) -> list[str]:
        return _names_in(self)

    def __copy__(self) -> Any:
        return self._moi_home(copy.copy)

    def __deepcopy__(self, _: Any) -> Any:
        return self._moi_home(copy.deepcopy)

    def __reduce__(self) -> Any:
        raise CannotJudge("an object of the learner cannot be pickled here")


class AttributeThere:
    """An attribute as it is over there, where Python would not ask for it: of ``owner``, as ``super`` looks it up."""

    def __init__(self, name: str, owner: Any = None) -> None:
        self.name = name
        self.owner = owner

    def __set_name__(self, owner: Any, name: str) -> None:
        self.owner = owner

    def __get__(self, remote: Any, cls: Any) -> Any:
        asked = cls if remote is None else remote
        first = next(base for base in mro_here(cls) if self.name in dict_here(base))
        if remote is not None and first is not self.owner:
            return known(remote).session.ask("super", self.owner, self.name, remote)
        return known(asked).session.ask("get", asked, self.name)


class DerivingClass(RemoteClass):
    """A learner's class that derives from classes which both sides have; their attributes may be overridden there."""

    def __getattribute__(cls, name: str) -> Any:
        ours = name.startswith("_moi") or hasattr(Remote, name)
        return super().__getattribute__(name) if ours else RemoteClass.__getattr__(cls, name)

    @classmethod
    def body(cls, derives: tuple[type, ...], data: type | None) -> dict[str, Any]:
        """What the body of a class has beside if it derives from ``derives``, which may themselves derive from data."""

        def attribute(self: Any, name: str) -> Any:
            return object.__getattribute__(self, name) if hasattr(Remote, name) else Remote.__getattr__(self, name)

        # Of these classes no code is to run here with what a learner's object says.
        theirs = {name: value for base in _above(derives, data) for name, value in vars(base).items()}
        methods = {name for name, value in theirs.items() if callable(value) or hasattr(type(value), "__get__")}
        hidden = (
            {name for name in methods if name.startswith("__")} - vars(Remote).keys() - {"__class__", "__weakref__"}
        )
        return dict.fromkeys(hidden, _nothing) | {"_moi_derives": derives, "__getattribute__": attribute}


def _nothing(*_: Any, **__: Any) -> Any:
    """In the place of what is not done here."""


def special_of(classes: tuple[type, ...], data: type | None) -> frozenset[str]:
    """The special methods of ``classes``, other than those of ``data``."""
    return SPECIAL.intersection(name for base in _above(classes, data) for name in vars(base))


def _above(classes: tuple[type, ...], data: type | None) -> list[type]:
    return [base for one in classes for base in one.__mro__ if base not in (data or object).__mro__]


def _names_in(remote: Any) -> list[str]:
    return [str(name) for name in known(remote).session.ask("apply", "builtins", "dir", (remote,))]


class RemoteCoroutine(Deferred, Remote):
    """A coroutine of the learner's."""

    def _moi_end(self) -> Any:
        return known(self).session.ask("special", self, "__await__", ())

    def close(self) -> None:
        known(self).session.ask("get", self, "close")()


_ONLY_HERE = (There, Remote, Deferred, RemoteCoroutine)


def body_of_class(
    special: Collection[str], defined: frozenset[str], words: str | None, data: type | None = None
) -> dict[str, Any]:
    """The body of a class whose objects can do ``special``, where the reference solution has ``defined`` such methods.

    ``words`` are the class's own docstring; ``data`` is what decides where its objects may not be asked.
    """
    able = SPECIAL.intersection(special)
    body: dict[str, Any] = {"__doc__": vars(Remote)["__doc__"] if words is None else words}
    body |= {name: AttributeThere(name) for name in _LOOKED_AT}
    for name in able:
        if name in _TRUTH:
            alike = name in _ORDER and not _ORDER.isdisjoint(defined)  # Python asks one for the other
            if name in defined or alike or (name == "__ne__" and "__eq__" in defined):
                body[name] = _method(name, data)
        elif name == "__call__":
            body[name] = _call
        elif name == "__await__":
            body[name] = _await
        elif name not in ("__str__", "__repr__", "__format__") or defined & {"__str__", "__repr__", "__format__"}:
            body[name] = _method(name, data)
    if "__contains__" in able:
        body.setdefault("__contains__", _contains)
    if "__hash__" not in able:
        body["__hash__"] = None
    elif "__eq__" in body:
        body.setdefault("__hash__", Remote.__hash__)
    if "__len__" in able and "__bool__" not in able:
        body["__bool__"] = lambda self: len(self) > 0
    if "__lt__" not in body:
        body |= {name: _unasked(name) if name in able else _not_implemented for name in _ORDER}
    if "__eq__" in able and data is None:
        body.setdefault("__eq__", _unasked("__eq__"))
    return body


def body_of_data(base: type, special: Collection[str], defined: frozenset[str], words: str | None) -> dict[str, Any]:
    """Such a body where the objects are data of the class ``base`` beside: they do what these do, and it is done here.

    ``special`` are the methods that are the class's own.
    """
    body = {name: getattr(base, name) for name in ("__str__", "__format__")}
    body |= {name: _noted(name, getattr(base, name)) for name in _TRUTH if hasattr(base, name)}
    own = body_of_class(special, defined, words, base)
    return body | {name: made for name, made in own.items() if name in (*special, *_LOOKED_AT, "__doc__")}


def of_library() -> dict[str, Any]:
    """How an object of a library's class compares: with another of the learner's as that one does, over there.

    With data it is equal by its content, if it is a list, dictionary or the like at bottom.
    """

    def with_another(name: str) -> Any:
        asked = _method(name, None, final=True)
        return lambda self, other: asked(self, other) if is_remote(other) else NotImplemented

    def equal(self: Any, other: Any) -> Any:
        if self is other:
            return True
        if is_remote(other):
            return as_there(self, other)
        try:
            own = known(self).session.ask("apply", content.__module__, content.__name__, (self,))
        except LookupError:
            return NotImplemented
        return NotImplemented if is_remote(own) else own == other

    as_there, hashed = (_method(name, None, final=True) for name in ("__eq__", "__hash__"))
    return {name: with_another(name) for name in _ORDER} | {"__eq__": equal, "__hash__": hashed}


def _noted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of data, where it is noted that the test makes this use of the reference."""

    def noted(self: Any, *given: Any) -> Any:
        if name == "__hash__" or any(map(is_remote, given)):
            known(self).session.may_ask(self, _DECIDES[name] + _AS_DATA, *given)
        return method(self, *given)

    return noted


def _method(name: str, data: type | None, final: bool = False) -> Callable[..., Any]:
    """A special method that asks over there, where the test may say what the object is held against.

    A ``final`` one is of a class from which no test derives another.
    """
    unasked = _UNASKED.get(name, _not_implemented)
    otherwise = unasked if data is None else getattr(data, name, unasked)
    exact = bool if name in _TRUTH and name != "__hash__" else _EXACT.get(name)

    def method(self: Any, *given: Any) -> Any:
        session = known(self).session
        if name == "__eq__" and given and given[0] is self:
            return True
        if name in _DECIDES:
            use = _DECIDES[name]
            asked = session.may_ask(self, use, *given)
            if not (asked or (data is None and session.may_ask(self, use + _AS_DATA, *given))):
                if data is None and name not in _TRUTH:
                    raise CannotJudge(NO_PLAIN_VALUE)
                return otherwise(self, *given)
        if final or dict_here(type(self)).get(name) is method:
            result = session.ask("special", self, name, given)
        else:  # a class that the test derives asks its `super`
            owner = next(base for base in mro_here(type(self)) if dict_here(base).get(name) is method)
            result = session.ask("super", owner, name, self)(*given)
        if name in _ENDS and given and given[0] is not None:
            return _ENDS[name](self, result, given[0])
        declined = result is NotImplemented and name in _TRUTH
        if exact is not None and type(result) is not exact and not declined:
            try:  # of data, as Python has it: numpy's numbers, and what stands for true or false
                if is_remote(result) or exact not in _CONVERTED:
                    raise TypeError
                result = _CONVERTED[exact](result)
            except Exception:
                raise TypeError(f"{name} returned non-{exact.__name__}") from None
        return result

    method.__name__ = name
    return method


def _ended(self: Any, result: Any, kind: type[BaseException]) -> Any:
    """What ``__exit__`` gives: it may end an error of the kind only where the reference does."""
    if result and not known(self).session.may_end(self, kind):
        raise ErrorEnded(f"{kind.__name__}: a `with` block of yours keeps this error from being seen")
    return result


async def _ended_later(self: Any, result: Any, kind: type[BaseException]) -> Any:
    return _ended(self, await result, kind)


_ENDS: dict[str, Callable[..., Any]] = {"__exit__": _ended, "__aexit__": _ended_later}


def _call(self: Any, *given: Any, **named: Any) -> Any:
    return known(self).session.call(self, given, named)


def _await(self: Any) -> Any:
    return known(self).session.ask("special", self, "__await__", ())
    yield


def _unasked(name: str) -> Callable[..., Any]:
    """In the place of an operator that would decide, and that the reference does not define."""

    def method(self: Any, other: Any) -> Any:
        if name == "__eq__":
            follows = True if self is other else known(self).session.equals(self, other)
            if follows is not NotImplemented:
                return follows
        known(self).session.unasked.add(f"`{name}`")
        if name in _ORDER:
            raise CannotJudge(NO_PLAIN_VALUE)
        return NotImplemented

    return method


def _not_implemented(self: Any, other: Any) -> Any:
    return NotImplemented


def _contains(self: Any, item: Any) -> bool:
    return any(item is there or item == there for there in self)


# What holds of an object that may not be asked.
_UNASKED: dict[str, Callable[..., Any]] = {
    "__bool__": Remote.__bool__, "__hash__": Remote.__hash__, "__contains__": _contains,
    **{name: _unasked(name) for name in (*_ORDER, "__eq__")},
}  # fmt: skip
