"""No two files need each other: whoever opens one can read downwards from there and come to an end.

Type-only imports count: a reader follows them too.
"""

import pytest

from .source import PACKAGE, Module, expect_none, is_ours, modules_of_the_package, resolve


def arrows_of(modules):
    names = {module.name for module in modules}
    return {
        module.name: {resolve(imported, names) for imported in module.imports if is_ours(imported)} - {module.name}
        for module in modules
    }


def circles_in(arrows):
    """Every way back found by walking depth first, as the path walked: ["a", "b", "a"]."""
    found, finished = [], set()

    def walk(name, path):
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in finished:
            for other in sorted(arrows.get(name, ())):
                walk(other, [*path, name])
            finished.add(name)

    for name in sorted(arrows):
        walk(name, [])
    return found


def test_no_files_import_each_other_in_a_circle():
    expect_none([" -> ".join(circle) for circle in circles_in(arrows_of(modules_of_the_package()))])


@pytest.mark.parametrize("back", ["from .a import x", "def f():\n    from . import a", "if T:\n    import ghl_async.a"])
def test_a_circle_is_found_however_it_is_closed(back):
    modules = [
        Module(f"{PACKAGE}.a", "from .b import y"),
        Module(f"{PACKAGE}.b", "from . import c"),
        Module(f"{PACKAGE}.c", back),
    ]
    (circle,) = circles_in(arrows_of(modules))
    assert circle == [f"{PACKAGE}.{name}" for name in "abca"]


def test_two_ways_down_to_one_file_are_no_circle():
    assert not circles_in({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}})
