"""Every public name says what it is; every call that costs quota says which operation it is and what it costs.

The `API:` lines of the resources are compared with the vendor's published list in operations.json, both ways: an
operation that was forgotten fails as one that was invented does.
"""

import ast
import json
import re
from pathlib import Path

import pytest

from .source import PACKAGE, Module, expect_none, modules_of_the_package

OPERATIONS = json.loads(Path(__file__).with_name("operations.json").read_text(encoding="utf-8"))["operations"]
API_LINE = re.compile(r"^\s*API: (?P<operation>(?:GET|POST|PUT|PATCH|DELETE) /\S*)\.?$", re.MULTILINE)
COST_LINE = re.compile(r"^\s*Cost: .*request", re.MULTILINE)


def undocumented(module):
    """Names of public things without a docstring; magic methods and functions inside functions may go without."""
    found = [] if ast.get_docstring(module.tree) else [module.name]

    def walk(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                if child.name.startswith("_"):
                    continue
                if not ast.get_docstring(child) and not is_overload_or_setter(child):
                    found.append(f"{prefix}.{child.name}")
                if isinstance(child, ast.ClassDef):
                    walk(child, f"{prefix}.{child.name}")
            elif isinstance(child, ast.If | ast.Try | ast.With):
                walk(child, prefix)

    walk(module.tree, module.name)
    return found


def is_overload_or_setter(node):
    """Those whose docstring stands on the function they belong to."""
    marks = [ast.unparse(mark) for mark in node.decorator_list]
    return any(mark in {"overload", "typing.overload"} or mark.endswith(".setter") for mark in marks)


def sending_methods(module):
    """(name, docstring) of each public method of a public class that sends, itself or through another method."""
    for cls in module.tree.body:
        if not isinstance(cls, ast.ClassDef) or cls.name.startswith("_"):
            continue
        methods = {node.name: node for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        sending, before = {"_send"}, set()
        while sending != before:
            before = set(sending)
            sending |= {
                name for name, node in methods.items() if name != "__init__" and attributes_of_self(node) & before
            }
        for name in sorted(sending & set(methods)):
            if not name.startswith("_"):
                yield f"{module.name}.{cls.name}.{name}", ast.get_docstring(methods[name]) or ""


def attributes_of_self(function):
    return {
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def resource_modules():
    return [module for module in modules_of_the_package() if module.name.startswith(f"{PACKAGE}.resources.")]


def operations_named_in(modules):
    return {
        match["operation"]
        for module in modules
        for _, docstring in sending_methods(module)
        for match in API_LINE.finditer(docstring)
    }


def differences(named, operations):
    """Lines for people: operations named but not published, or published as here but named by nobody."""
    listed = {f"{row['method']} {row['path']}": row["status"] for row in operations}
    found = [f"{one}: not in operations.json" for one in sorted(named - listed.keys())]
    for one, status in sorted(listed.items()):
        if status == "here" and one not in named:
            found.append(f"{one}: said to be here, but no method names it")
        if status == "later" and one in named:
            found.append(f"{one}: said to come later, but it is here")
    return found


def test_everything_public_has_a_docstring():
    expect_none([name for module in modules_of_the_package() for name in undocumented(module)])


def test_every_method_that_sends_names_its_operation_and_its_cost():
    missing = [
        f"{name}: no {what} line"
        for module in resource_modules()
        for name, docstring in sending_methods(module)
        for what, line in (("API", API_LINE), ("Cost", COST_LINE))
        if not line.search(docstring)
    ]
    expect_none(missing)


def test_the_operations_named_are_the_operations_published():
    expect_none(differences(operations_named_in(resource_modules()), OPERATIONS))


def test_every_operation_is_listed_once_with_its_source_and_those_left_out_with_a_reason():
    keys = [(row["method"], row["path"]) for row in OPERATIONS]
    assert len(keys) == len(set(keys))
    for row in OPERATIONS:
        assert row["doc"]
        assert row["status"] in {"here", "later"}
        assert bool(row.get("reason")) == (row["status"] == "later")


MADE_UP = '''
"""A module."""
class Things:
    """Things."""
    def __init__(self, send):
        self._send = send
    async def get(self, thing_id):
        """Get one.

        Cost: 1 request.
        API: GET /things/{thingId}
        """
        return await self._send(thing_id)
    def iterate(self):
        """Stream all of them."""
        return self.get
    def spelled(self):
        return 1
    def _private(self): ...
def helper(): ...
'''


def test_a_missing_docstring_is_found():
    assert undocumented(Module("m", MADE_UP)) == ["m.Things.spelled", "m.helper"]
    assert undocumented(Module("m", "x = 1")) == ["m"]


def test_methods_that_send_are_found_directly_and_through_others():
    assert [name for name, _ in sending_methods(Module("m", MADE_UP))] == ["m.Things.get", "m.Things.iterate"]


def test_operations_are_compared_both_ways():
    named = operations_named_in([Module("m", MADE_UP)])
    assert named == {"GET /things/{thingId}"}
    get = {"method": "GET", "path": "/things/{thingId}", "doc": "d"}
    make = {"method": "POST", "path": "/things/", "doc": "d"}
    assert not differences(named, [{**get, "status": "here"}, {**make, "status": "later"}])
    assert "not in operations.json" in differences(named, [])[0]
    assert "come later" in differences(named, [{**get, "status": "later"}])[0]
    assert "no method names it" in differences(named, [{**get, "status": "here"}, {**make, "status": "here"}])[0]


@pytest.mark.parametrize("line", ["API: GET contacts", "API: FETCH /contacts/", "see API: GET /x"])
def test_a_line_that_no_machine_could_read_does_not_count(line):
    assert not API_LINE.search(f"Get.\n\n{line}\n")
