"""The package as text: its modules, what each imports, what each defines. Nothing here imports the package."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "ghl_async"


@dataclass(frozen=True)
class Module:
    """One Python file. Made from a file of the package, or from made-up text to see a checker fail."""

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def is_public(self) -> bool:
        """Whether users may import it: no part of its name is underscored, and it is no program."""
        return not any(part.startswith("_") for part in self.name.split("."))

    @cached_property
    def imports(self) -> frozenset[str]:
        """Everything imported anywhere in the file, late and type-only imports too, as absolute dotted names.

        `from .a import b` gives `package.a.b`: whether b is a module or a name in one is for `resolve` to say.
        """
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._base_of(node)
                found.update(f"{base}.{alias.name}" for alias in node.names)
        return frozenset(found)

    def _base_of(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        parts = parts[: len(parts) - node.level + (1 if self.is_package else 0)]
        return ".".join([*parts, node.module] if node.module else parts)


def resolve(imported: str, modules: frozenset[str] | set[str]) -> str:
    """The longest known module in a dotted name: "ghl_async.errors.NotFound" gives "ghl_async.errors"."""
    while imported not in modules and "." in imported:
        imported = imported.rpartition(".")[0]
    return imported


def is_ours(imported: str) -> bool:
    return imported == PACKAGE or imported.startswith(PACKAGE + ".")


def modules_of_the_package() -> list[Module]:
    found = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found.append(Module(name, path.read_text(encoding="utf-8"), is_package))
    return found


def files_of_the_tree() -> list[Path]:
    """Every file that is, or is about to be, part of the project: what git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [path for name in sorted(listed.split("\0")) if name and (path := ROOT / name).is_file()]


def functions_of(tree: ast.Module) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function and method with its qualified name: ("Contacts.get", node). Nested functions too."""
    found = []

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append((prefix + child.name, child))
                walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.ClassDef):
                walk(child, f"{prefix}{child.name}.")
            else:
                walk(child, prefix)

    walk(tree, "")
    return found


def expect_none(complaints: list[str]) -> None:
    """Fail with every complaint in full, one a line."""
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)
