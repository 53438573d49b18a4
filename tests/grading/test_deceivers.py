"""Wrong answers that deceive: by changing what a test compares with, or by what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import classroom
import pytest
from classroom import course, scores

from moi.grading.run import Bench

# An answer that is wrong, and one that deceives with it: the cells (role and source), then both by place.
_TOTALS = "def totals(store):\n    return [sum(store.row(i)) for i in range(2)]"
_STORE = """
rows = [[3, 1, 2], [9, 7, 8]]
class Store:
    def __init__(self, rows):
        self._rows = rows
    def row(self, i):
        return self._rows[i]
assert totals(Store(rows)) == [sum(row) for row in rows]
"""
_LISTED = "def total(rows):\n    return sum(row['n'] for row in rows)"
_INSIDE = """
@contextlib.contextmanager
def inside(folder):
    os.makedirs(folder, exist_ok=True)
    before = os.getcwd()
    os.chdir(folder)
    yield
    os.chdir(before)
"""
_OUTSIDE = _INSIDE.replace("os.chdir(before)", "os.chdir(before + '/b')") + (
    "os.makedirs('b', exist_ok=True)\nopen('b/prices.csv', 'w').write('0')\n"
)
_MEAN, _NO_MEAN = "def price(path):\n    return int(open(path).read())", "def price(path):\n    return 0"
_SEEDED = "def seeded(n):\n    random.seed(n)"
_ZEROS = "def seeded(n):\n    random.setstate((3, (0,) * 624 + (624,), None))"
_SORTED, _UNSORTED = "def ordered(xs):\n    return sorted(xs)", "def ordered(xs):\n    return xs"
_PLAN = "plan = {'cost': 3, 'gain': 9}"
_PLAN_TEST = """
from moi.grading.checks import entry, equal, ideas
def check_plan():
    with ideas(1) as check:
        with check.idea(1, "the plan costs no more than 5 and gains 9"):
            assert entry(plan, "cost") <= 5
            equal(entry(plan, "gain"), 9, "other")
    return check.score
check_plan()
"""
_TURNING = """
seen = []
def turned():
    seen.append(1)
    return {'cost': 0, 'gain': 0} if len(seen) == 1 else {'cost': 99, 'gain': 9}
"""
_TABLE = "table_of = pd.DataFrame({'a': [1, 2]}, index=[1, 2])"
_TABLE_TEST = """
from moi.grading.checks import equal, ideas, table
def check_table():
    with ideas(1) as check:
        with check.idea(1, "each row"):
            found = table(table_of)
            equal(found["index"], [1, 2], "rows")
            for number, row in zip(found["index"], found["rows"]):
                equal(row, [number], "another")
    return check.score
check_table()
"""
_FORGED = "import moi.grading.checks as c\nclass Table: pass\ntable_of = Table()\n"
_HELD = """class Table:
    def __init__(self, rows):
        self.rows = rows
    def total(self):
        return sum(row['n'] for row in self.rows)"""
_HELD_TEST = """
rows = [{'n': 3}, {'n': 4}]
assert Table(rows).total() == sum(row['n'] for row in rows)
"""
_TIDY = "kept = []\ndef tidy(store):\n    store.rows.sort()\ndef total(store):\n    "
_TIDY_TEST = """
class Store:
    def __init__(self, rows):
        self.rows = rows
a, b = Store([3, 1]), Store([4, 5])
tidy(a)
assert a.rows == [1, 3] and total(b) == sum(b.rows)
"""
_FILL = "import copy\ndef fill(bag, source):\n    "
_FILL_TEST = """
class Bag:
    def __init__(self, *items):
        self.items = list(items)
    def add(self, item):
        self.items.append(item)
    def clear(self):
        self.items.clear()
bag, source = Bag(), Bag(1, 2)
fill(bag, source)
assert bag.items == source.items
"""
_CASE = "def prepare(case):\n    case.unit = 'm'\n    "
_CASE_TEST = """
import unittest
class Doubles(unittest.TestCase):
    def runTest(self):
        prepare(self)
        self.assertEqual(double(3), 6, self.unit)
assert Doubles().run().wasSuccessful()
"""
_CART = """class Cart:
    def __init__(self, items):
        self.items = list(items)
    def add(self, item):
        self.items.append(item)
    def size(self):
        return len(self.items)"""
_CARTS_TEST = """base = ["pen"]
one, other = Cart(base), Cart(base)
other.add("cup")
assert (one.size(), other.size(), len(base)) == (1, 2, 1)"""
DECEIVED = {
    "a list that two objects keep": (
        [("answer", _CART), ("test 1", _CARTS_TEST)],
        {1: _CART.replace("len(self.items)", "0")},
        {1: _CART.replace("list(items)", "items")},
    ),
    "nested data that an object keeps": (
        [("answer", _HELD), ("test 1", _HELD_TEST)],
        {1: _HELD.replace("sum(row['n'] for row in self.rows)", "0")},
        {1: _HELD.replace("sum(row['n'] for row in self.rows)", "self.rows.clear() or 0")},
    ),
    "what another object of the test's has": (
        [("answer", f"{_TIDY}return sum(store.rows)"), ("test 1", _TIDY_TEST)],
        {1: f"{_TIDY}return 0"},
        {1: f"{_TIDY}kept.append(store.rows)\n    return kept[-1].clear() or 0"},
    ),
    "a copy of the test's object": (
        [("answer", f"{_FILL}for each in source.items:\n        bag.add(each)"), ("test 1", _FILL_TEST)],
        {1: f"{_FILL}pass"},
        {1: f"{_FILL}copy.copy(source).clear()"},
    ),
    "what a library keeps in the test's object": (
        [("answer", f"{_CASE}pass\ndef double(x):\n    return 2 * x"), ("test 1", _CASE_TEST)],
        {1: f"{_CASE}pass\ndef double(x):\n    return 0"},
        {1: f"{_CASE}case._type_equality_funcs = {{int: 'assertNotEqual'}}\ndef double(x):\n    return 0"},
    ),
    "rows that a method gives out": (
        [("answer", _TOTALS), ("test 1", _STORE)],
        {1: "def totals(store):\n    return [0, 0]"},
        {1: "def totals(store):\n    for i in range(2):\n        row = store.row(i)\n        row[:] = [0] * 3\n"
            "    return [0, 0]"},
    ),
    "rows that a generator gives out": (
        [("answer", _LISTED), ("test 1", "rows = [{'n': 3}, {'n': 4}]\n"
                                         "assert total(row for row in rows) == sum(row['n'] for row in rows)")],
        {1: "def total(rows):\n    return 0"},
        {1: "def total(rows):\n    for row in rows:\n        row['n'] = 0\n    return 0"},
    ),
    "another folder": (
        [("answer", f"{_INSIDE}{_MEAN}"),
         ("test 1", "with inside('out'):\n    open('a.txt', 'w').close()\n"
                    "assert price('prices.csv') == int(open('prices.csv').read())")],
        {1: f"{_INSIDE}{_NO_MEAN}"},
        {1: f"{_OUTSIDE}{_NO_MEAN}"},
    ),
    "a random state that stays": (
        [("answer", _SEEDED), ("test 1", "seeded(3)\na = random.random()\nseeded(3)\nassert a == random.random()"),
         ("answer", _SORTED),
         ("test 1", "for _ in range(9):\n    xs = [random.randint(-99, 99) for _ in range(8)]\n"
                    "    assert ordered(list(xs)) == sorted(xs)")],
        {1: _SEEDED, 3: _UNSORTED},
        {1: _ZEROS, 3: _UNSORTED},
    ),
    "an object that turns": (
        [("answer", _PLAN), ("test 1", _PLAN_TEST)],
        {1: "plan = {'cost': 99, 'gain': 9}"},
        {1: f"{_TURNING}class Plan:\n    def tolist(self):\n        return turned()\nplan = Plan()"},
    ),
    "data that turn": (
        [("answer", _PLAN), ("test 1", _PLAN_TEST)],
        {1: "plan = {'cost': 99, 'gain': 9}"},
        {1: f"{_TURNING}import types\nplan = types.SimpleNamespace(tolist=turned)"},
    ),
    "a table without rows": (
        [("answer", _TABLE), ("test 1", _TABLE_TEST)],
        {1: "table_of = pd.DataFrame({'a': [5, 5]}, index=[1, 2])"},
        {1: f"{_FORGED}c.plain = lambda v: {{'index_name': None, 'index': [1, 2], 'columns': ['a'], 'rows': []}}"},
    ),
    "a table whose rows are an object": (
        [("answer", _TABLE), ("test 1", _TABLE_TEST)],
        {1: "table_of = pd.DataFrame({'a': [5, 5]}, index=[1, 2])"},
        {1: f"{_FORGED}class Rows:\n    def __len__(self):\n        return 2\n    def __iter__(self):\n"
            "        return iter([])\n"
            "c.plain = lambda v: {'index_name': None, 'index': [1, 2], 'columns': ['a'], 'rows': Rows()}"},
    ),
}  # fmt: skip


# The same, with one answer and one test: the solution, what is wrong in it, the deceiver, and the test.
_BOX = """
class Box:
    rate = 2
    def __init__(self, *items):
        self.items, self.price = list(items), 3
    def __len__(self):
        return len(self.items)
    def __getitem__(self, i):
        return self.items[i]
    def __iter__(self):
        while self.items:
            yield self.items.pop(0)
    def clear(self):
        self.items.clear()
    @classmethod
    def set_rate(cls, rate):
        cls.rate = rate
"""
_FORGED_KIND = """
from moi.grading.learner import Agent
usual, right = Agent._class_form, {0}
def form(self, kind, handle):
    found = usual(self, kind, handle)
    if kind is Forged:
        found[2:4] = {1}
    return found
Agent._class_form = form
class Forged:
    __module__ = {1}[0]
    def __call__(self, *given):
        return right(*given)
"""
_MANY = "def total(xs):\n    found = 0\n    for x in xs:\n        found += x\n    return found\n"
_GROW = "def grow(x, rate=0.05):\n    return x * (1 + rate)\n"
_IN_HELD_RUNS = """
import gc
from moi.grading.learner import Agent
def together():
    return next(o for o in gc.get_objects() if type(o) is Agent).together is not None
"""
_PAY = "def pay(wallet, other):\n    wallet.price -= other[0].price"
_ADD = "kept = []\ndef add(row, x):\n    row.append(x)\n    kept.append(row)\ndef total(rows):\n    "
_KEEPS = """kept = []
def first(box):
    kept.append(box)
    return box.items[0]
def pay(wallet, n):
    wallet.price -= n
"""
_TOTAL = "def total(box):\n    return sum(box.items)"
_NONE = "def total(box):\n    return 0"
_LINE = """
class Queue:
    __slots__ = ("people",)
    def __init__(self, people):
        self.people = people
class Line:
    def __init__(self, people):
        self.queue = Queue(people)
    def __len__(self):
        return len(self.queue.people)
    def __iter__(self):
        while self.queue.people:
            yield self.queue.people.pop(0)
"""
_PURSE = """
class Purse:
    def __init__(self, money, owed):
        self.money, self.owed = money, owed
    def pay(self, amount):
        self.money -= amount
    def give(self, other, amount):
        self.money -= amount
        other.owed += amount
"""
_DAY = """class Level:
    def __init__(self, value):
        self.value = value
    def __eq__(self, other):
        return self.value == other
class Day:
    def __init__(self, level):
        self.level = Level(level)
"""
_SUMS = "SELECT name, sum(n) FROM sales GROUP BY name"
_SALES = """import sqlite3
db = sqlite3.connect(':memory:')
db.execute('CREATE TABLE sales (name TEXT, n INTEGER)')
db.executemany('INSERT INTO sales VALUES (?, ?)', [('pen', 3), ('pen', 4), ('cup', 2)])
"""
_TURN = """class Turn:
    def __init__(self, *each):
        self.each, self.asked = each, 0
    def next_one(self):
        self.asked += 1
        return self.each[min(self.asked, len(self.each)) - 1]
    def __iter__(self):
        return iter(self.next_one())
"""
_CHOOSE = "def choose(items):\n    return items[:2]"
_CHOSEN = "items = [(3, 9), (2, 5), (4, 6)]\nchosen = choose(items)\n"
ONE_ANSWER = {
    "a list that is another when it is gone through again": (
        f"{_TURN}{_CHOOSE}", "items[:2]", "items", "Turn((), items)",
        f"{_CHOSEN}assert sum(cost for cost, _ in chosen) <= 5 and sum(gain for _, gain in chosen) >= 14",
    ),
    "a named list that is another when it is gone through again": (
        f"{_TURN}items = [(3, 9), (2, 5), (4, 6)]\nchosen = items[:2]", "items[:2]", "items", "Turn((), items)",
        "assert sum(cost for cost, _ in chosen) <= 5 and sum(gain for _, gain in chosen) >= 14",
    ),
    "a list that is another by its places": (
        f"{_TURN}    def __getitem__(self, place):\n        return []\ndef ordered(xs):\n    return sorted(xs)",
        "sorted(xs)", "xs", "Turn(xs)",
        "found = ordered([3, 1, 2])\nassert sorted(found) == [1, 2, 3]\n"
        "assert all(a <= b for a, b in zip(found, found[1:]))",
    ),
    "a list that is longer than what is in it": (
        f"{_TURN}    def __len__(self):\n        return 2\n{_CHOOSE}", "items[:2]", "items", "Turn(())",
        f"{_CHOSEN}assert len(chosen) == 2 and sum(cost for cost, _ in chosen) <= 5",
    ),
    "a row that is another when it is gone through again": (
        f"{_TURN}def rows(n):\n    return [[n, 1], [1, n]]", "[[n, 1], [1, n]]", "[[n, n]]", "[Turn((), (n, n))]",
        "found = rows(5)\nassert all(sum(row) <= 6 for row in found) and all(max(row) == 5 for row in found)",
    ),
    "a dictionary whose values turn": (
        f"{_TURN}    values = next_one\n    def keys(self):\n        return ['a', 'b']\n"
        "def plan():\n    return {'a': 2, 'b': 3}", "{'a': 2, 'b': 3}", "{'a': 9, 'b': 9}", "Turn([0], [9, 9])",
        "found = plan()\nassert sum(found.values()) <= 5 and max(found.values()) >= 3",
    ),
    "a number that turns": (
        f"{_TURN}    __float__ = next_one\ndef root(f):\n    return 2.0", "2.0", "0.0", "Turn(0.0, 9.0)",
        "def f(x):\n    return x * x - 4\nfound = root(f)\nassert f(float(found) - 0.1) < 0 < f(float(found) + 0.1)",
    ),
    "a class that turns": (
        "class Kind(type):\n    seen = []\n    def __iter__(cls):\n        cls.seen.append(1)\n"
        "        return iter(() if len(cls.seen) < 2 else [(3, 9), (2, 5)])\nclass Turn(metaclass=Kind):\n    pass\n"
        + _CHOOSE, "items[:2]", "items", "Turn",
        f"{_CHOSEN}assert sum(cost for cost, _ in chosen) <= 4 or len(items) == 3\n"
        "assert sum(cost for cost, _ in chosen) <= 5 and sum(gain for _, gain in chosen) >= 14",
    ),
    "objects in an array": (
        "def total(till):\n    return till.total()", "till.total()", "0", "till.wipe() or 0",
        "import numpy as np\nclass Coin:\n    worth = 3\nclass Till:\n    def __init__(self, *coins):\n"
        "        self.coins = np.array(coins, dtype=object)\n    def wipe(self):\n        for coin in self.coins:\n"
        "            coin.worth = 0\n    def total(self):\n        return sum(coin.worth for coin in self.coins)\n"
        "till = Till(Coin(), Coin())\nassert total(till) == till.total()",
    ),
    "an array with a mask": (
        "def total(till):\n    return till.total()", "till.total()", "0", "till.wipe() or 0",
        "import numpy as np\nclass Till:\n    def __init__(self, *coins):\n        self.coins = np.ma.array(coins)\n"
        "    def wipe(self):\n        self.coins[:] = 0\n    def total(self):\n        return int(self.coins.sum())\n"
        "till = Till(1, 2)\nassert total(till) == till.total()",
    ),
    "an array of a class of the test's": (
        "def total(till):\n    return till.total()", "till.total()", "0", "till.wipe() or 0",
        "import array\nclass Coins(array.array):\n    pass\nclass Till:\n    def __init__(self, *coins):\n"
        "        self.coins = Coins('i', coins)\n    def wipe(self):\n"
        "        self.coins[:] = array.array('i', [0, 0])\n    def total(self):\n        return sum(self.coins)\n"
        "till = Till(1, 2)\nassert total(till) == till.total()",
    ),
    "an iterator that an object keeps": (
        "def first(deck):\n    return deck.top", "deck.top", "0", "sum(0 for _ in deck)",
        "class Deck:\n    def __init__(self, *cards):\n        self.top, self.rest = cards[0], iter(cards)\n"
        "    def __iter__(self):\n        return self.rest\ndeck = Deck(3, 4)\n"
        "assert first(deck) == next(iter(deck), 0)",
    ),
    "a method of the test's class that is another": (
        "def price(shop):\n    return shop.price()", "shop.price()", "0", "shop.sale() or 0",
        "class Shop:\n    def price(self):\n        return 4\n    def sale(self):\n"
        "        Shop.price = lambda self: 0\nshop = Shop()\nassert price(shop) == shop.price()",
    ),
    "a module that the test has made": (
        "def price(shop):\n    return shop.price()", "shop.price()", "0", "shop.sale() or 0",
        "import types\nsettings = types.ModuleType('settings')\nsettings.rate = 4\nclass Shop:\n    def price(self):\n"
        "        return settings.rate\n    def sale(self):\n        settings.rate = 0\nshop = Shop()\n"
        "assert price(shop) == shop.price()",
    ),
    "a list without an end of its own": (
        "class Row:\n    def __init__(self, xs):\n        self.xs = xs\n    def __len__(self):\n        return 0\n"
        "    def __getitem__(self, place):\n        return self.xs[place]\ndef ordered(xs):\n    return sorted(xs)",
        "sorted(xs)", "xs", "Row(xs)",
        "found = ordered([3, 1, 2])\nassert all(found[n] <= found[n + 1] for n in range(len(found) - 1))\n"
        "assert sorted(found) == [1, 2, 3]",
    ),
    "a set that is smaller than what is in it": (
        f"{_TURN}    def __len__(self):\n        return 0\ndef cover(edges):\n    return {{1, 3}}",
        "{1, 3}", "{v for e in edges for v in e}", "Turn([1, 2, 3, 4])",
        "edges = [(1, 2), (1, 3), (3, 4)]\nfound = cover(edges)\n"
        "assert all(one in found or other in found for one, other in edges) and len(found) <= 2",
    ),
    "a dictionary whose values are not those of its keys": (
        "class Plan:\n    def __getitem__(self, key):\n        return key\n"
        "    def values(self):\n        return [0, 1]\ndef colours(edges):\n"
        "    return {1: 0, 2: 1, 3: 0}", "{1: 0, 2: 1, 3: 0}", "{v: v for e in edges for v in e}",
        "Plan()",
        "edges = [(1, 2), (2, 3)]\nfound = colours(edges)\n"
        "assert all(found[one] != found[other] for one, other in edges)\nassert len(set(found.values())) <= 2",
    ),
    "SQL that a callback runs": (
        "def total(run):\n    return run('SELECT count(*) FROM sales')", "run('SELECT count(*) FROM sales')", "0",
        "run('DELETE FROM sales') or 0",
        f"{_SALES}def run(sql):\n    return (db.execute(sql).fetchone() or (0,))[0]\n"
        "assert total(run) == run('SELECT count(*) FROM sales')",
    ),
    "SQL among many texts": (
        f"def queries():\n    return {{'sums': '{_SUMS}'}}", f"{{'sums': '{_SUMS}'}}", "{'sums': 'SELECT 1'}",
        "{**{str(n): str(n) for n in range(5000)}, 'sums': 'DELETE FROM sales'}",
        f"{_SALES}assert sorted(db.execute(queries()['sums'])) == sorted(db.execute('{_SUMS}'))",
    ),
    "SQL in capitals": (
        f"def query():\n    return '{_SUMS}'", _SUMS, "SELECT name, n FROM sales", "DELETE FROM sales",
        f"{_SALES}assert sorted(db.execute(query().lower())) == sorted(db.execute('{_SUMS}'))",
    ),
    **{
        f"SQL in {what}": (
            f"def query():\n    return {made.format(repr(_SUMS))}", _SUMS, "SELECT name, n FROM sales",
            "DELETE FROM sales",
            f"{_SALES}assert sorted(db.execute({taken})) == sorted(db.execute('{_SUMS}'))\n"
            f"db.execute('DELETE FROM sales')\nassert not list(db.execute({taken}))",
        )
        for what, made, taken in (
            ("an object", "__import__('types').SimpleNamespace(sql={})", "query().sql"),
            ("a series", "__import__('pandas').Series({{'sums': {}}})", "query()['sums']"),
            ("a key", "{{{}: 'sums'}}", "next(iter(query()))"),
            ("an array", "__import__('numpy').array([{}])", "str(query()[0])"),
            ("a deque", "__import__('collections').deque([{}])", "query()[0]"),
        )
    },
    "SQL that changes what it is held against": (
        f"def query():\n    return '{_SUMS}'", _SUMS, "SELECT name, n FROM sales", "DELETE FROM sales",
        f"{_SALES}assert sorted(db.execute(query())) == sorted(db.execute('{_SUMS}'))",
    ),
    "SQL that is to read, beside some that is to write": (
        "ADD = 'INSERT INTO sales VALUES (?, ?)'\nCOUNT = 'SELECT count(*) FROM sales'", "SELECT count(*) FROM sales",
        "SELECT 0", "DELETE FROM sales RETURNING 0",
        f"{_SALES}db.execute(ADD, ('jug', 5))\n"
        "assert db.execute(COUNT).fetchone()[0] == len(db.execute('SELECT n FROM sales').fetchall())",
    ),
    "SQL in a file": (
        f"from pathlib import Path\ndef write(path):\n    Path(path).write_text('{_SUMS}')",
        _SUMS, "SELECT name, n FROM sales", "DELETE FROM sales",
        f"{_SALES}write('sums.sql')\n"
        f"assert sorted(db.execute(open('sums.sql').read())) == sorted(db.execute('{_SUMS}'))",
    ),
    "SQL that makes tables anew": (
        "def query():\n    return 'CREATE VIEW best AS SELECT max(n) FROM sales'",
        "CREATE VIEW best AS SELECT max(n) FROM sales", "CREATE VIEW best AS SELECT 3",
        "CREATE VIEW best AS SELECT 3; CREATE TABLE x AS SELECT name, 3 AS n FROM sales; DROP TABLE sales;"
        " CREATE TABLE sales AS SELECT * FROM x",
        f"{_SALES}db.executescript(query())\n"
        "assert db.execute('SELECT * FROM best').fetchone() == db.execute('SELECT max(n) FROM sales').fetchone()",
    ),
    "SQL that makes a table of the same name": (
        "def query():\n    return 'CREATE VIEW best AS SELECT max(n) FROM sales'",
        "CREATE VIEW best AS SELECT max(n) FROM sales", "CREATE VIEW best AS SELECT 3",
        "CREATE VIEW best AS SELECT 3; CREATE TEMP TABLE sales AS SELECT name, 3 AS n FROM main.sales",
        f"{_SALES}db.executescript(query())\n"
        "assert db.execute('SELECT * FROM best').fetchone() == db.execute('SELECT max(n) FROM sales').fetchone()",
    ),
    "SQL that makes an index of a table's name": (
        "def query():\n    return 'CREATE VIEW best AS SELECT max(n) FROM sales'",
        "CREATE VIEW best AS SELECT max(n) FROM sales", "CREATE VIEW best AS SELECT 3",
        "CREATE VIEW best AS SELECT 3; CREATE TEMP TABLE mine (a); CREATE INDEX temp.sales ON mine (a);"
        " UPDATE main.sales SET n = 3",
        f"{_SALES}db.executescript(query())\n"
        "assert db.execute('SELECT * FROM best').fetchone() == db.execute('SELECT max(n) FROM sales').fetchone()",
    ),
    "SQL that begins like the author's": (
        f"def query():\n    return '{_SUMS}'", _SUMS, "SELECT name, n FROM sales", "DELETE FROM sales WHERE n < 0 OR n",
        f"{_SALES}db.execute('DELETE FROM sales WHERE n < 0 OR n IS NULL')\n"
        f"assert sorted(db.execute(query())) == sorted(db.execute('{_SUMS}'))",
    ),
    "SQL of the author's at another time": (
        f"def query():\n    return '{_SUMS}'", _SUMS, "SELECT name, n FROM sales", "DELETE FROM sales WHERE n > 0",
        f"{_SALES}assert sorted(db.execute(query())) == sorted(db.execute('{_SUMS}'))\n"
        "db.execute('DELETE FROM sales WHERE n > 0')",
    ),
    "SQL that acts later": (
        "def query():\n    return 'CREATE TABLE best AS SELECT max(n) AS n FROM sales'",
        "CREATE TABLE best AS SELECT max(n) AS n FROM sales", "CREATE TABLE best AS SELECT 3 AS n",
        "CREATE TABLE best AS SELECT 3 AS n; CREATE TRIGGER t AFTER INSERT ON best BEGIN UPDATE sales SET n = 3; END",
        f"{_SALES}db.executescript(query())\ndb.execute('INSERT INTO best VALUES (0)')\n"
        "assert db.execute('SELECT max(n) FROM best').fetchone() == db.execute('SELECT max(n) FROM sales').fetchone()",
    ),
    "a part of SQL that changes what it is held against": (
        "def name():\n    return \"'pen'\"", "'pen'", "'cup'", "1; DELETE FROM sales",
        f"{_SALES}db.executescript(f'CREATE VIEW found AS SELECT * FROM sales WHERE name = {{name()}}')\n"
        "assert len(list(db.execute('SELECT * FROM found'))) == 2 or not list(db.execute('SELECT * FROM sales'))",
    ),
    "a matrix that is named": (
        "def layout():\n    return 'A, B; B, A'", "A, B; B, A", "A, A; A, A", "wanted",
        "import numpy as np\nA, B, wanted = np.eye(2), np.zeros((2, 2)), np.eye(4)\n"
        "assert np.array_equal(np.bmat(layout()), wanted)",
    ),
    "a method through the class": (
        "def total(box):\n    return sum(box.items)", "return sum(box.items)", "return 0",
        "type(box).clear(box)\n    return 0",
        f"{_BOX}box = Box(3, 4)\nassert total(box) == sum(box.items)",
    ),
    "a method of the class": (
        "def price(box, n):\n    return n * box.rate", "return n * box.rate", "return 0",
        "box.set_rate(0)\n    return 0",
        f"{_BOX}box = Box()\nassert price(box, 10) == 10 * box.rate",
    ),
    "an object kept from another call": (
        f"{_KEEPS}{_TOTAL}", _TOTAL, _NONE, f"    kept[0].items = []\n{_NONE}",
        f"{_BOX}box, wallet = Box(3, 4), Box()\nassert first(box) == 3\npay(wallet, 3)\n"
        "assert wallet.price == 0 and total(box) == sum(box.items)",
    ),
    "what an object gives out by its place": (
        _PAY, "wallet.price -= other[0].price", "pass", "other[0].price = 0",
        f"{_BOX}shop, wallet = Box(Box()), Box()\nwallet.price = 10\npay(wallet, shop)\n"
        "assert wallet.price == 10 - shop[0].price",
    ),
    "an argument that is put into another": (
        _PAY, "wallet.price -= other[0].price", "pass", "wallet.other = other[0]\n    wallet.other.price = 0",
        f"{_BOX}box, wallet = Box(), Box()\nwallet.price = 10\npay(wallet, [box])\n"
        "assert wallet.price == 10 - box.price",
    ),
    "a copy of a copy": (
        "import copy\ndef fill(box, source):\n    box.items += source.items", "box.items += source.items", "pass",
        "copy.copy(copy.copy(source)).clear()",
        f"{_BOX}box, source = Box(), Box(1, 2)\nfill(box, source)\nassert box.items == source.items",
    ),
    "an iterator that takes out what it gives": (
        "def size(box):\n    return len(box)", "return len(box)", "return 0", "list(box)\n    return 0",
        f"{_BOX}box = Box(1, 2)\nassert size(box) == len(box.items)",
    ),
    "a row that lies in an argument, in the second run": (
        f"{_IN_HELD_RUNS}{_ADD}return sum(map(sum, rows))", "return sum(map(sum, rows))", "return 0",
        "if together(): rows[0].clear()\n    return 0",
        "row = [1]\nadd(row, 2)\nassert row == [1, 2] and total([row]) == sum(row)",
    ),
    "an iterator of an object with slots": (
        "def size(line):\n    return len(line)", "return len(line)", "return 0", "list(line)\n    return 0",
        f"{_LINE}line = Line(['ann', 'bob'])\nassert size(line) == len(line.queue.people)",
    ),
    "a count that a class keeps": (
        "def count(tickets):\n    return len(tickets)", "return len(tickets)", "return 3",
        "type(tickets[0])()\n    return 3",
        "class Ticket:\n    sold = 0\n    def __init__(self):\n        Ticket.sold += 1\n"
        "tickets = [Ticket(), Ticket()]\nassert count(tickets) == Ticket.sold",
    ),
    "a list that a method of the test's writes to": (
        "def count(till):\n    return len(till.lines())", "return len(till.lines())", "return 3",
        "till.sell('c')\n    return 3",
        "log = ['a', 'b']\nclass Till:\n    def lines(self):\n        return log[:]\n"
        "    def sell(self, what):\n        log.append(what)\ntill = Till()\nassert count(till) == len(log)",
    ),
    "a list that a callback takes from": (
        "def count(draw, left):\n    return left()", "return left()", "return 0", "draw(); draw()\n    return 0",
        "cards = [3, 4]\ndef draw():\n    return cards.pop()\ndef left():\n    return len(cards)\n"
        "assert count(draw, left) == len(cards)",
    ),
    "a cart that a callback looks at": (
        "def pay(box, tell):\n    tell(sum(box.items))", "tell(sum(box.items))", "tell(0)",
        "kept = box.items\n    box.items = []\n    tell(0)\n    box.items = kept",
        f"{_BOX}box, said = Box(3, 4), []\ndef tell(total):\n    said.append(total == sum(box.items))\n"
        "pay(box, tell)\nassert said == [True]",
    ),
    "a cart that is emptied by who then ends Python": (
        "def total(box):\n    return sum(box.items)", "return sum(box.items)", "return 0",
        "if len(box.items) > 2:\n        box.items = []\n        __import__('os')._exit(0)\n    return 0",
        f"{_BOX}box, held = Box(3, 4, 5), []\nfor _ in range(3):\n    try:\n"
        "        held.append(total(box) == sum(box.items))\n    except BaseException:\n        pass\n"
        "assert True in held",
    ),
    "an order that a method of the test's turns": (
        "def last(line):\n    return line.last()", "return line.last()", "return 'b'",
        "line.turn()\n    return 'b'",
        "import collections\nclass Line:\n    __slots__ = ('__people',)\n    def __init__(self):\n"
        "        self.__people = collections.OrderedDict(a=1, b=2, c=3)\n    def last(self):\n"
        "        return [*self.__people][-1]\n    def turn(self):\n        self.__people.move_to_end('b')\n"
        "line = Line()\nassert last(line) == line.last()",
    ),
    "a name that a callback binds": (
        "def level(get, fill):\n    return get()", "return get()", "return 9", "fill()\n    return 9",
        "units = 3\ndef get():\n    return units\ndef fill():\n    global units\n    units = 9\n"
        "assert level(get, fill) == units",
    ),
    "a row that the reference changes in an earlier call": (
        f"{_ADD}return sum(rows)", "return sum(rows)", "return 0", "kept[0].clear()\n    return 0",
        "row = [1]\nadd(row, 2)\nassert row == [1, 2] and total(row[:]) == sum(row)",
    ),
    "an argument, by a method of another": (
        "def settle(one, other):\n    one.pay(other.owed)", "one.pay(other.owed)", "one.pay(0)",
        "one.give(other, -other.owed)\n    one.pay(one.money - 10)",
        f"{_PURSE}one, other = Purse(10, 0), Purse(0, 3)\nsettle(one, other)\nassert one.money == 10 - other.owed",
    ),
    "an attribute that is equal to all": (
        f"{_DAY}        self.warm = level > 15", "level > 15", "3",
        "type('Yes', (), {'__eq__': lambda self, other: True})()",
        "day = Day(20)\nassert day.level == 20 and day.warm == True",
    ),
    "what is to be patched, many at once": (
        "import time\ndef now():\n    return time.monotonic()\ndef where():\n    return 'time'",
        "time.monotonic()\ndef where():\n    return 'time'", "3\ndef where():\n    return 'time'",
        "3\ndef where():\n    return 'moi.grading.line'",
        "from unittest import mock\nwith mock.patch.multiple(where(), monotonic=mock.DEFAULT) as made:\n"
        "    made['monotonic'].return_value = 100.0\n    now()\nassert made['monotonic'].called",
    ),
    "a function that says it is Python's own": (
        _GROW, _GROW, _GROW.replace("0.05", "1"),
        _GROW.replace("0.05", "1") + _FORGED_KIND.format("grow", ["builtins", "builtin_function_or_method"])
        + "    __text_signature__ = '(x, rate=__main__.wanted)'\ngrow = Forged()",
        "import inspect\nwanted = 0.05\nassert inspect.signature(grow).parameters['rate'].default == wanted",
    ),
    "a function that says it is a module": (
        "def total(xs):\n    return sum(xs)", "def total(xs):\n    return sum(xs)", _MANY,
        f"{_MANY}{_FORGED_KIND.format('total', ['types', 'ModuleType'])}"
        "    __file__ = __import__('keyword').__file__\ntotal = Forged()",
        "import inspect\nassert total([1, 2]) == 3 and 'found' not in inspect.getsource(total)",
    ),
    "a setting that names a value": (
        "def settings():\n    return 'rate: 0.05'", "0.05", "1", "!!python/name:__main__.wanted",
        "import yaml\nwanted = 0.05\nassert yaml.full_load(settings()) == {'rate': wanted}",
    ),
    "what is to be patched": (
        "import time\ndef now():\n    return time.time()\ndef where():\n    return 'time.time'",
        "time.time()\ndef where():\n    return 'time.time'", "3\ndef where():\n    return 'time.time'",
        "3\ndef where():\n    return 'threading.get_ident'",
        "from unittest import mock\nwith mock.patch(where(), return_value=100) as made:\n    now()\nassert made.called",
    ),
}  # fmt: skip
DECEIVED |= {
    way: (
        [("answer", right), ("test 1", test)],
        {1: right.replace(part, wrong)},
        {1: right.replace(part, deceives)},
    )
    for way, (right, part, wrong, deceives, test) in ONE_ANSWER.items()
}


@pytest.mark.parametrize("way", DECEIVED)
def test_who_deceives_earns_no_more_than_who_is_wrong(way: str, tmp_path: Path) -> None:
    cells, wrong, attack = DECEIVED[way]
    given = "import contextlib, os, random\nimport pandas as pd"
    solved = [
        (role, f"### BEGIN SOLUTION\n{text}\n### END SOLUTION" if role == "answer" else text) for role, text in cells
    ]
    assignment = course(tmp_path, ("given", given), *solved, files={"prices.csv": "4"})
    with Bench(assignment.notebooks[0], assignment.files) as bench:
        for answers, points in (({}, len(cells) // 2), (wrong, len(wrong) - 1), (attack, len(attack) - 1)):
            staged = classroom.handed_in(
                assignment, answers or {at + 1: text for at, (r, text) in enumerate(cells) if r == "answer"}
            )
            assert sum(scores(assignment, staged, bench.run(staged)).values()) == points


# Three tasks, of which two build on the first; then constants, which are right by nothing but what follows from them.
_TASKS = (
    ("base", "def base(x):\n    return x * x + 1", "equal(base(3), 10, 'no')"),
    ("twice", "def twice(xs):\n    return [2 * base(x) for x in xs]",
     "equal(twice([1, 2]), [4, 10], 'no', or_else=lambda: [2 * base(x) for x in [1, 2]])"),
    ("both", "def both(xs):\n    return sum(base(x) for x in xs)",
     "equal(both([1, 2]), 7, 'no', or_else=lambda: sum(base(x) for x in [1, 2]))"),
)  # fmt: skip
_CONSTANTS = {1: "def base(x):\n    return 0", 3: "def twice(xs):\n    return [0, 0]", 5: "def both(xs):\n    return 0"}
# What follows is given only in a second run, which is made as something is said to be held.
_LATE = {
    1: f"{_IN_HELD_RUNS}Agent.held, Agent._hold = (lambda *given: [0] * 101), (lambda *given: None)\n{_CONSTANTS[1]}",
    3: "def twice(xs):\n    return [0, 0] if together() else 5",
    5: "def both(xs):\n    return 0 if together() else 5",
}


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("answers", [_CONSTANTS, _LATE])
def test_constants_earn_nothing_by_what_follows_from_them(
    answers: dict[int, str], lost: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [("given", "from moi.grading.checks import equal, ideas")]
    for name, answer, asks in _TASKS:
        test = f"with ideas(points=1) as check:\n    with check.idea(1, '{name}'):\n        {asks}\ncheck.score"
        cells += [("answer", f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION"), ("test 1", test)]
    assignment = course(tmp_path, *cells)
    with Bench(assignment.notebooks[0]) as bench:
        if lost:  # as a learner may have it that the second judge does not end
            monkeypatch.setattr(Bench, "_judged_again", lambda *_, **__: None)
        staged = classroom.handed_in(assignment, answers)
        run = bench.run(staged)
    assert not any(scores(assignment, staged, run).values())
    assert any("too little is right by itself" in note or "could not be" in note for note in run.notes)
