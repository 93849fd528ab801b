"""The project's own source files, parsed once for all rules."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "streams", "ui")


@cache
def modules(*tops: str) -> tuple[Path, ...]:
    """Return the Python files under these folders of the project."""
    return tuple(sorted(path for top in tops or PACKAGES for path in (ROOT / top).rglob("*.py")))


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    """Name a file, and a line of it, as messages do."""
    line = getattr(node, "lineno", None)
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Yield every call of a file with the dotted name of what is called, as far as it is one."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for a chain of names and attributes, and what is known of it otherwise."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def imports(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every imported name of a file in full, also those imported inside functions."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield node, f"{node.module}.{alias.name}"
