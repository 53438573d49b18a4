"""What the code of an assignment binds, changes and imports, found without running it."""

from __future__ import annotations

import ast
import builtins
import collections
import collections.abc
import enum
import importlib.machinery
import importlib.util
import keyword
import re
import shlex
import symtable
import warnings
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Methods called for what they give back; any other that is called on its own is taken to change its object.
_SHOWS = _words(
    "agg aggregate all any apply assign astype boxplot copy corr count cumsum describe diff display drop dropna fillna"
    " groupby head hist index info isna items join keys max mean median merge min nlargest nsmallest nunique pct_change"
    " pivot pivot_table plot print quantile query rename resample reset_index rolling round sample set_index show"
    " sort_index sort_values std sum summary tail to_markdown to_string transpose unique value_counts values var"
)
_CHANGES = _words("add append appendleft clear discard extend insert pop popitem popleft remove setdefault update")
_CHANGES_FIRST = _words(
    "fill_diagonal heapify heappop heappush heappushpop heapreplace insort insort_left insort_right setattr shuffle"
)
_RUNS = ("eval", "exec", "compile")
_RUN_IN_LIBRARIES = ("eval", "exec", "query", "sympify", "parse_expr")
_READS = _words("open input read read_text readline readlines getvalue stdout")
_ADDS = _words("add append appendleft extend insert put update write")
_PUTS = ("patch", "object", "setattr")
_PYTHON_MAGICS = ("time", "capture", "prun")
_MACHINERY = _words(
    "__class_getitem__ __del__ __dir__ __doc__ __getattribute__ __getnewargs__ __getstate__ __init_subclass__ __new__"
    " __reduce__ __reduce_ex__ __setstate__ __sizeof__ __subclasshook__"
)
_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")


class Code:
    """The code of one cell, IPython's magics understood. Raises ``SyntaxError`` as IPython would."""

    def __init__(self, source: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.text = TransformerManager().transform_cell(source)
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            self.tree = compile(self.text, "the cell", "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
            compile(self.text, "the cell", "exec", flags, dont_inherit=True)  # finds a return outside a function
        self.inner = tuple(self._in_magics())

    def _in_magics(self) -> Iterator[Code]:
        """The Python under a cell magic such as ``%%time``."""
        for statement in self.tree.body:
            match statement:
                case ast.Expr(
                    ast.Call(ast.Attribute(attr="run_cell_magic"), [ast.Constant(magic), _, ast.Constant(str(body))])
                ) if magic in _PYTHON_MAGICS:
                    yield Code(body)

    def trees(self) -> Iterator[ast.Module]:
        yield self.tree
        for code in self.inner:
            yield from code.trees()

    def bound(self) -> Iterator[str]:
        """The names that running the cell binds at module level, also from inside functions."""
        for symbol, of_module in self._symbols():
            if (of_module or symbol.is_declared_global()) and (symbol.is_assigned() or symbol.is_imported()):
                yield symbol.get_name()
        for magic, line in self._magic_lines():
            if magic == "capture":
                yield from (word for word in shlex.split(line) if word.isidentifier() and not keyword.iskeyword(word))
        for code in self.inner:
            yield from code.bound()

    def mentioned(self) -> set[str]:
        """The names of the module's that the cell may use: also the words of texts, as some are evaluated."""
        found = {s.get_name() for s, of_module in self._symbols() if (of_module or s.is_global()) and s.is_referenced()}
        for tree in self.trees():
            nodes = list(ast.walk(tree))
            said = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings, and other idle texts
            for node in nodes:
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
                    found.update(re.findall(r"\w+", node.value))
        return found

    def called(self) -> set[str]:
        """The names that the cell calls."""
        nodes = [node for tree in self.trees() for node in ast.walk(tree)]
        return {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}

    def _symbols(self) -> Iterator[tuple[symtable.Symbol, bool]]:
        """All symbols of all scopes, and whether they are those of the module."""
        tables = [symtable.symtable(self.text, "the cell", "exec")]
        while tables:
            table = tables.pop(0)
            tables += table.get_children()
            for symbol in table.get_symbols():
                yield symbol, table.get_type() == "module"

    def _magic_lines(self) -> Iterator[tuple[str, str]]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Call(
                    ast.Attribute(attr="run_cell_magic"), [ast.Constant(str(magic)), ast.Constant(str(line)), _]
                ):
                    yield magic, line

    def imports(self) -> Iterator[tuple[str, list[str]]]:
        """Of each statement at module level in turn: its source if it is an import, else the names that it binds."""
        for tree in self.trees():
            for node in tree.body:
                source = ast.unparse(node)
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    yield source, []
                else:
                    yield "", list(Code(source).bound())

    def imported_names(self) -> set[str]:
        """The names that imports at any level bind."""
        return {
            alias.asname or alias.name.partition(".")[0]
            for tree in self.trees()
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }

    def bound_to(self, holds: Callable[[ast.AST, Set[str]], bool]) -> set[str]:
        """The names that the cell binds to a value of which something ``holds``, of which these names say more.

        So are a list to which such a value is added, and a function that returns one.
        """
        found: set[str] = set()
        before, nodes = -1, list(ast.walk(self.tree))
        while before != len(found):
            before = len(found)
            for node in nodes:
                match node:
                    case ast.Assign(targets, value):
                        bound: list[ast.AST | None] = [*targets]
                    case (
                        ast.AugAssign(target, _, value) | ast.AnnAssign(target, _, value) | ast.NamedExpr(target, value)
                        | ast.For(target, value) | ast.comprehension(target, value) | ast.withitem(value, target)
                    ):  # fmt: skip
                        bound = [target]
                    case ast.Call(ast.Attribute(ast.Name() as target, name), [*_, value]) if name in _ADDS:
                        bound = [target]
                    case ast.FunctionDef(name) if any(
                        holds(n.value, found) for n in ast.walk(node) if isinstance(n, ast.Return) and n.value
                    ):
                        found.add(name)
                        continue
                    case _:
                        continue
                if value is not None and holds(value, found):
                    within = (each for target in bound if target for each in ast.walk(target))
                    found |= {each.id for each in within if isinstance(each, ast.Name)}
        return found

    def from_learners(self, learners: Set[str]) -> set[str]:
        """The names that may stand for what comes from something of these names, or what the cell reads or is given."""
        nodes = list(ast.walk(self.tree))
        given = {node.arg for node in nodes if isinstance(node, ast.arg)}
        calls = (node for node in nodes if isinstance(node, ast.Call) and _last_name(node) in learners)
        filled = {each.id for node in calls for each in node.args if isinstance(each, ast.Name)}
        return given | filled | self.bound_to(lambda value, names: _may_be(value, learners | given | filled | names))

    def evaluates(self, learners: Set[str]) -> bool:
        """Whether the cell runs a text that may come from something of these names, that it reads, or that it is given.

        So does what hands on a function that runs texts.
        """
        nodes = list(ast.walk(self.tree))
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        theirs = self.from_learners(learners) | learners
        for node in nodes:
            match node:
                case ast.Call(ast.Name(name) | ast.Attribute(attr=name) as function, given, named):
                    runs = name in _RUN_IN_LIBRARIES or (name in _RUNS and isinstance(function, ast.Name))
                    if runs and any(_may_be(each, theirs) for each in (*given, *named)):
                        return True
                case ast.Name(name, ast.Load()) if name in _RUNS and id(node) not in called:
                    return True
                case ast.Attribute(attr=name) if name in _RUN_IN_LIBRARIES and id(node) not in called:
                    return True
        return False

    def classes_with(self, learners: Set[str]) -> set[str]:
        """The cell's classes in which something of these names has a part, or that are patched in; and their bases.

        But for those that a library's decorator takes, or a class of classes makes.
        """

        def said(*parts: ast.AST) -> bool:
            return any(isinstance(n, ast.Name) and n.id in learners for part in parts for n in ast.walk(part))

        nodes = [node for tree in self.trees() for node in ast.walk(tree)]
        classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
        found = set[str]()
        for name, each in classes.items():
            values = (n.value for n in each.body if isinstance(n, (ast.Assign, ast.AnnAssign)) and n.value)
            around = (d for n in each.body if isinstance(n, ast.FunctionDef) for d in n.decorator_list)
            if said(*each.decorator_list, *each.bases, *values, *around):
                found.add(name)
        for node in nodes:
            if isinstance(node, ast.Call) and (said(node.func) or _last_name(node) in _PUTS):
                found |= {n.id for n in node.args if isinstance(n, ast.Name)}
        for name, each in reversed(classes.items()):  # a base stands before what derives from it
            if name in found:
                found |= {base.id for base in each.bases if isinstance(base, ast.Name)}
        left = {name for name, each in classes.items() if each.keywords or not all(map(said, each.decorator_list))}
        return found & classes.keys() - left

    def changed(self) -> Iterator[str]:
        """The names of objects that the cell changes in place: module level names, not those of a function."""
        for tree in self.trees():
            yield from _changed(tree, frozenset())


@dataclass(frozen=True)
class Analysis:
    imports: tuple[str, ...]
    learner_names: tuple[str, ...]
    special_methods: tuple[str, ...]

    @classmethod
    def of(cls, codes: Iterable[tuple[str, Code]]) -> Analysis:
        """Of all code cells of a notebook, each with its role."""
        codes = list(codes)
        given: set[str] = set()
        for role, code in codes:
            if role in ("given", "free"):
                # What a module does to itself, as in random.seed(1), is no answer.
                given |= set(code.bound()) - code.imported_names()
        names: dict[str, None] = {}
        special: set[str] = set()
        for role, code in codes:
            if role == "answer":
                names |= dict.fromkeys(code.bound())
                names |= dict.fromkeys(name for name in code.changed() if name in given)
            if role in ("given", "free", "answer"):  # a class of a given cell may be derived from
                special |= {name for tree in code.trees() for name in _special_methods(tree)}
        for role, code in codes:
            if role == "test" and code.classes_with(names.keys()):
                special |= {name for tree in code.trees() for name in _special_methods(tree)}
        imports = {module for _, code in codes for tree in code.trees() for module in _imports(tree)}
        return cls(tuple(sorted(imports)), tuple(names), tuple(sorted(special)))


def _changed(node: ast.AST, local: frozenset[str]) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
        local |= _locals(node)
    for found in _changed_by(node):
        if found not in local:
            yield found
    for child in ast.iter_child_nodes(node):
        yield from _changed(child, local)


def _changed_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield from _root(node)
        case ast.AugAssign(target=ast.Name(name)):
            yield name
        case ast.Expr(ast.Call(ast.Attribute(value, method), _, options)) if method not in _SHOWS:
            yield from _root(value)
        case ast.Call(ast.Attribute(value, method), _, options) if method in _CHANGES or any(
            option.arg == "inplace" for option in options
        ):
            yield from _root(value)
        case ast.Call(ast.Attribute(attr=called) | ast.Name(called), [first, *_]) if called in _CHANGES_FIRST:
            yield from _root(first)
        case ast.Call(ast.Name("next"), [first, *_]):
            yield from _root(first)


def _root(node: ast.AST) -> Iterator[str]:
    """The name at the left of ``name.a[0].b``."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _locals(node: ast.AST) -> frozenset[str]:
    inside = list(ast.walk(node))
    names = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {n.arg for n in inside if isinstance(n, ast.arg)}
    shared = {name for n in inside if isinstance(n, ast.Global) for name in n.names}
    return frozenset(names - shared)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level and node.module != "__future__":
            modules = [f"{node.module}.{a.name}" for a in node.names if _is_module(f"{node.module}.{a.name}")]
            yield from modules
            if len(modules) < len(node.names):
                yield node.module


def _is_module(name: str) -> bool:
    """Whether ``name`` is an installed module, found without importing the packages around it."""
    first, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(first)
        path = first
        for part in rest:
            if spec is None or spec.submodule_search_locations is None:
                return False
            path += "." + part
            spec = importlib.machinery.PathFinder.find_spec(path, list(spec.submodule_search_locations))
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None


def _may_be(value: ast.AST, learners: Set[str]) -> bool:
    """Whether something in ``value`` has one of these names, or reads a file."""
    for node in ast.walk(value):
        match node:
            case ast.Name(name) if name in learners or name in _READS:
                return True
            case ast.Attribute(attr=name) if name in _READS or name.startswith(("read_", "load")):
                return True
    return False


def _special_methods(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_special(node.attr):
            yield node.attr
        if isinstance(node, ast.ClassDef):
            yield from _own_special_methods(node)
            for base in node.bases:
                yield from _inherited(_last_name(base))
            for decorator in node.decorator_list:
                name = _last_name(decorator)
                if name == "dataclass":
                    yield from _of_dataclass(decorator)
                elif name == "total_ordering":
                    yield from _ORDER
        elif isinstance(node, ast.Call) and _last_name(node) in ("namedtuple", "NamedTuple", "Enum", "make_dataclass"):
            name = _last_name(node)
            yield from _of_dataclass(node) if name == "make_dataclass" else _inherited(name)


def _own_special_methods(node: ast.ClassDef) -> Iterator[str]:
    for inside in ast.walk(node):
        name = ""
        if isinstance(inside, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = inside.name
        elif isinstance(inside, ast.Name) and isinstance(inside.ctx, ast.Store):
            name = inside.id
        if _is_special(name):
            yield name


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and len(name) > 4


def _last_name(node: ast.AST) -> str:
    """``dataclass`` for ``@dataclasses.dataclass(order=True)``; the class for ``class A(list[int])``."""
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _of_dataclass(decorator: ast.AST) -> Iterator[str]:
    options = {}
    if isinstance(decorator, ast.Call):
        options = {k.arg: k.value.value for k in decorator.keywords if isinstance(k.value, ast.Constant)}
    for option, name in (("init", "__init__"), ("repr", "__repr__"), ("eq", "__eq__")):
        if options.get(option, True):
            yield name
    if options.get("order"):
        yield from _ORDER
    if options.get("unsafe_hash") or (options.get("frozen") and options.get("eq", True)):
        yield "__hash__"
    if options.get("frozen"):
        yield from ("__setattr__", "__delattr__")


def _inherited(name: str) -> Iterator[str]:
    """The special methods that a class has from a base of the standard library that is called ``name``."""
    if name in ("NamedTuple", "namedtuple"):
        name = "tuple"
    for module in (builtins, collections, collections.abc, enum):
        base = getattr(module, name, None)
        if not isinstance(base, type) or base is object:
            continue
        for each in base.__mro__[:-1]:
            for method, value in vars(each).items():
                if method.startswith("__") and method.endswith("__") and callable(value) and method not in _MACHINERY:
                    yield method
        if isinstance(base, enum.EnumMeta):
            yield from ("__iter__", "__len__", "__getitem__", "__contains__", "__call__")
