"""The public names: which they are, that they exist, and what importing them costs."""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

import ghl_async
from ghl_async.errors import GHLError

from .source import PACKAGE, Module, expect_none, modules_of_the_package

TOP_LEVEL = {
    "ContactQuery",
    "DailyQuotaExhausted",
    "DuplicateContact",
    "GHLClient",
    "GHLError",
    "NotFound",
    "OutcomeUnknown",
    "Quota",
    "RateLimited",
    "RetryPolicy",
    "UsageError",
    "__version__",
    "bulk",
}
HEAVY = ["aiohttp", "msgspec", "asyncio", "aiolimiter", "backoff", "sqlite3", "cyclopts", "rich"]


def public_modules():
    return [module for module in modules_of_the_package() if module.is_public]


def listed_names(module):
    """What `__all__` lists, or None where the module has none."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return set(ast.literal_eval(node.value))
    return None


def public_definitions(module):
    """Classes and functions without an underscore, and what a package's front door imports from inside it."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in module.tree.body if isinstance(node, kinds)}
    if module.is_package:
        for node in module.tree.body:
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                names |= {alias.asname or alias.name for alias in node.names}
    return {name for name in names if not name.startswith("_")}


def unlisted(module):
    return public_definitions(module) - (listed_names(module) or set())


def test_the_top_level_names_are_these_and_no_others():
    assert set(ghl_async.__all__) == TOP_LEVEL


@pytest.mark.parametrize("name", sorted(TOP_LEVEL))
def test_a_top_level_name_resolves_and_is_shown(name):
    assert getattr(ghl_async, name) is not None
    assert name in dir(ghl_async)


def test_an_unknown_name_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match="Contakt"):
        ghl_async.Contakt  # noqa: B018 - the access is the test


def test_type_checkers_see_each_lazy_name_where_it_lives():
    """The block for type checkers and the table for the running program are two lists of the same thing."""
    front = next(module for module in modules_of_the_package() if module.name == PACKAGE)
    block = next(node for node in front.tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: "." + node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert typed == ghl_async._HOMES


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, ghl_async; print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"


def test_every_public_module_lists_its_names():
    missing = [m.name for m in public_modules() if public_definitions(m) and listed_names(m) is None]
    expect_none(missing)


def test_every_listed_name_exists():
    missing = [
        f"{module.name}.{name}"
        for module in public_modules()
        for name in listed_names(module) or ()
        if not hasattr(importlib.import_module(module.name), name)
    ]
    expect_none(missing)


def test_a_name_without_an_underscore_is_listed():
    expect_none([f"{module.name}.{name}" for module in public_modules() for name in sorted(unlisted(module))])


def test_an_unlisted_name_is_found():
    assert unlisted(Module("ghl_async.x", "__all__ = ['a']\ndef a(): ...\nclass B: ...\ndef _c(): ...")) == {"B"}
    assert unlisted(Module("ghl_async.x", "from .y import Z", is_package=True)) == {"Z"}


def exceptions_outside_the_family(classes):
    """Exceptions that `except GHLError` would miss."""
    return [cls for cls in classes if issubclass(cls, BaseException) and not issubclass(cls, GHLError)]


def classes_of_the_sdk():
    """Every class defined in the package. The sandbox is a server of its own and knows nothing of our errors."""
    for module in modules_of_the_package():
        if module.name.startswith(f"{PACKAGE}.sandbox") or module.name.endswith("__main__"):
            continue
        for cls in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(cls) and cls.__module__ == module.name:
                yield cls


def test_every_exception_of_the_package_is_caught_by_its_root():
    assert not exceptions_outside_the_family(classes_of_the_sdk())


def test_an_exception_outside_the_family_is_found():
    class Stray(Exception):
        pass

    assert exceptions_outside_the_family([Stray, GHLError, int]) == [Stray]
