"""Nothing grows past what one can read at a sitting. Complexity, statements and nesting are the linter's to watch."""

import ast

import pytest

from .source import PACKAGE, ROOT, Module, expect_none, files_of_the_tree, functions_of

LINES_A_FILE = 400
LINES_A_FUNCTION = 50
PARAMETERS = 7
EXCEPTED = {f"{PACKAGE}/client.py GHLClient.__init__"}
"""The client's constructor is the one place for its settings."""


def python_files():
    return [Module(str(p.relative_to(ROOT)), p.read_text("utf-8")) for p in files_of_the_tree() if p.suffix == ".py"]


def body_lines(function):
    """Lines from the first statement to the last, the docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def parameters(function):
    spec = function.args
    named = [arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    return len(named) - (named[:1] in (["self"], ["cls"])) + bool(spec.vararg) + bool(spec.kwarg)


def too_big(module):
    """What is over its limit, as lines for people."""
    found = []
    lines = len(module.text.splitlines())
    if lines > LINES_A_FILE:
        found.append(f"{module.name}: {lines} lines")
    for name, function in functions_of(module.tree):
        where = f"{module.name} {name}"
        if (length := body_lines(function)) > LINES_A_FUNCTION:
            found.append(f"{where}: {length} lines")
        if (count := parameters(function)) > PARAMETERS and where not in EXCEPTED:
            found.append(f"{where}: {count} parameters")
    return found


def test_files_functions_and_signatures_keep_their_limits():
    expect_none([line for module in python_files() for line in too_big(module)])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = 1\n" * 401, "m.py: 401 lines"),
        ("def f():\n" + "    x = 1\n" * 51, "m.py f: 51 lines"),
        ("class C:\n  def f(self, a, b, c, d, /, e, f, *, g, h): ...", "m.py C.f: 8 parameters"),
        ("def f(a, b, c, d, e, f, *g, **h): ...", "m.py f: 8 parameters"),
    ],
)
def test_what_is_over_its_limit_is_found(text, complaint):
    assert too_big(Module("m.py", text)) == [complaint]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n" * 400,
        'def f():\n    """' + "Says.\n" * 60 + '"""\n' + "    x = 1\n" * 50,
        "class C:\n  def f(self, a, b, c, d, e, f, g): ...",
    ],
)
def test_what_is_at_its_limit_passes(text):
    assert not too_big(Module("m.py", text))
