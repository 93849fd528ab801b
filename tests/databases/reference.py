"""The ``sqlite3`` program as a reference: it reads a copy, since it leaves files beside one."""

import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROW, CELL = "\x1e", "\x1f"
SPARE_S = 300


class Cell(NamedTuple):
    """A value by its storage class and its bytes."""

    kind: str
    digits: str
    """The bytes of text and blobs in hex; the digits of a number."""

    def is_value(self, value: object) -> bool:
        """Whether a value of Python is this one."""
        match value:
            case None:
                return self.kind == "null"
            case int():
                return self.kind == "integer" and self.digits == str(value)
            case float():
                other = float(self.digits) if self.kind == "real" else float("nan")
                return value == other or abs(value - other) <= abs(value) * 1e-15
            case bytes():
                return self.kind == "blob" and bytes.fromhex(self.digits) == value
            case _:
                return False


class SqliteFailed(Exception):
    """The program does not answer the question either."""


class Reference:
    """Asks the program about a copy of a database."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = folder / path.name
        for ending in ("", "-wal"):
            source = path.with_name(f"{path.name}{ending}")
            if source.exists():
                shutil.copyfile(source, self._path.with_name(source.name))
        with sqlite3.connect(self._path) as copy:
            self._encoding = str(copy.execute("PRAGMA encoding").fetchone()[0])
        copy.close()

    @property
    def encoding(self) -> str:
        """Of its text."""
        return self._encoding.lower()

    def rows(self, columns: Sequence[str], rest: str) -> list[list[Cell]]:
        """Return rows of ``SELECT columns rest``; raise SqliteFailed."""
        parts = [
            f"typeof({name}) || '=' || CASE typeof({name}) WHEN 'integer' THEN {name}"
            f" WHEN 'real' THEN printf('%!.17g', {name}) WHEN 'null' THEN ''"
            f" ELSE hex(CAST({name} AS BLOB)) END"
            for name in columns
        ]
        text = self._ask(f"SELECT {', '.join(parts)} {rest}")
        return [[Cell(*cell.split("=", 1)) for cell in row.split(CELL)] for row in text.split(ROW)[:-1]]

    def one(self, sql: str) -> str:
        """Return the only value of an answer."""
        return self._ask(sql).split(ROW)[0]

    def _ask(self, sql: str) -> str:
        command = ["sqlite3", "-readonly", "-bail", "-newline", ROW, "-separator", CELL, str(self._path)]
        done = subprocess.run(
            command,
            input=f"{sql};\n",
            capture_output=True,
            timeout=SPARE_S,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise SqliteFailed(done.stderr.strip()[:300])
        return done.stdout
