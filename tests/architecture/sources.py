"""The project's own source files, parsed once for all rules."""

import ast
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
    return ast.parse(text(path), str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    """Name a file, and a line of it, as messages do."""
    line = getattr(node, "lineno", None)
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


@cache
def text(path: Path) -> str:
    """Return what is written in a file."""
    return path.read_text(encoding="utf-8")


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a file's syntax tree."""
    return tuple(ast.walk(parsed(path)))


@cache
def calls(path: Path) -> tuple[tuple[ast.Call, str], ...]:
    """Return every call of a file with the dotted name of what is called, as far as it is one."""
    return tuple((node, dotted(node.func)) for node in nodes(path) if isinstance(node, ast.Call))


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for a chain of names and attributes, and what is known of it otherwise."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


@cache
def imports(path: Path) -> tuple[tuple[ast.stmt, str], ...]:
    """Return every imported name of a file in full, also those imported inside functions."""
    found: list[tuple[ast.stmt, str]] = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [(node, f"{node.module}.{alias.name}") for alias in node.names]
    return tuple(found)
