"""What a test cannot ask across the boundary between judge and learner, and how the same is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rewrite:
    """``pattern`` finds it in a test; ``asks`` one that cannot be judged, ``instead`` one that can.

    ``answers`` has to be found in an answer of the reference as well, and ``fails`` in the name of the error.
    """

    pattern: str
    what: str
    reason: str
    rewrite: str
    asks: str
    instead: str
    answers: str = ""
    fails: str = ""


REWRITES = (
    Rewrite(
        r"\b(globals|locals|vars|dir)\(",
        "looks a name up while it runs",
        "the learner's names are not among those of the test",
        "name what is tested in the test, as in `total == 3`",
        "assert globals()['to' + 'tal'] == 3",
        "assert total == 3",
    ),
    Rewrite(
        r"\b(In|Out|_ih|_oh)\[",
        "looks at what the learner ran or saw",
        "what the learner ran and saw is not here",
        "test a name that the answer binds",
        "assert Out[max(Out)] == 3",
        "assert total == 3",
    ),
    Rewrite(
        r"\bread_pickle\(|\bpickle\.loads?\(|\bsubprocess\b|\bos\.system\(",
        "unpickles, or starts a program",
        "what a learner has written could so run where the tests are",
        "have the answer read it back, or write it as text",
        "import pickle\nkeep('stops.pkl')\nassert pickle.load(open('stops.pkl', 'rb')) == range(3)",
        "keep('stops.txt')\nassert open('stops.txt').read() == '0 1 2'",
    ),
    Rewrite(
        r"\bcompile\(",
        "compiles a text that the learner has written",
        "it would be run where the tests are",
        "evaluate the text itself",
        "assert eval(compile(formula(), '', 'eval'), {'x': 3}) == 6",
        "assert eval(formula(), {'x': 3}) == 6",
    ),
    Rewrite(
        r"\bdoctest\b",
        "runs the examples in a learner's words",
        "they would be run where the tests are",
        "have the answer run them",
        "import doctest\nassert doctest.DocTestRunner(verbose=False).run("
        "doctest.DocTestParser().get_doctest(double.__doc__, {'double': double}, 'double', None, 0)).failed == 0",
        "assert tried() == 1",
    ),
    Rewrite(
        r"\bpickle\b",
        "pickles an object of the learner's class",
        "an object of the learner stays where it is",
        "compare its attributes",
        "import pickle\nassert pickle.dumps(Stop('pier'))",
        "assert Stop('pier').place == 'pier'",
    ),
    Rewrite(
        r"==",
        "compares objects of a class for which the answer defines no `==`",
        "objects that are no data are equal here only if they are the same",
        "compare attributes, or `str(x)` where the answer defines it",
        "assert route() == [Stop('pier')]",
        "assert [stop.place for stop in route()] == ['pier']",
        answers=r"(?m)^class ",
        fails="AssertionError",
    ),
)
