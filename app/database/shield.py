"""Keeps secret columns out of reach: a statement sees temporary views that have NULL in their place.

Masking what a statement reads is not enough. ``JOIN ... USING``, ``MATCH`` and the order of an index look at
values without asking the authorizer. So a table with secrets is hidden behind a temporary view of its name
that does not have them, the views of the file are created anew on top of these, and whatever stores parts of
a secret elsewhere (the storage and the word list of a full-text table, samples of the planner, raw pages)
is refused by name.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from app.database.tokens import LITERALS, NAMES, Token, tokens_of
from app.database.values import quoted
from streams.model.base import Record
from streams.model.database import TableKind

SCHEMA_TABLES = frozenset({"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"})
_TEMP_SCHEMA = frozenset({"sqlite_temp_master", "sqlite_temp_schema"})
_TELLING = {
    "sqlite_stat1": "The statistics of the planner count equal values",
    "sqlite_stat3": "The planner keeps samples of values",
    "sqlite_stat4": "The planner keeps samples of values",
    "dbstat": "The sizes of pages tell those of values",
    "sqlite_dbpage": "Raw pages hold all values",
    "sqlite_stmt": "The list of statements repeats the schema",
}
_MIN_DIGITS = 3
"""A number of so many digits in a schema may be a secret, such as the default of a PIN."""


class Shield(Record, frozen=True, kw_only=True):
    """What statements of a person may not see; names are in lower case."""

    secrets: frozenset[tuple[str, str]] = frozenset()
    """Table and column."""
    views: tuple[tuple[str, str], ...] = ()
    """Name of each temporary view, and its statement after ``CREATE VIEW``, in the order of creation."""
    refused: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Tables that no statement may name, and why."""
    denied: frozenset[str] = frozenset()
    """Those of them that nothing inside the engine reads either."""
    quiet: frozenset[str] = frozenset()
    """Storage of virtual tables: the engine reads it by itself, which is not worth a word."""
    hides_sql: bool = False
    """The text of the schema holds literals that may be secret, such as the default of a password."""

    shielded: frozenset[str] = frozenset()
    """Names that stand for a temporary view; the engine asks for them at each column of each statement."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "shielded", frozenset(name for name, _ in self.views))


class Screened(Record, frozen=True, kw_only=True):
    """A statement that may run."""

    sql: str
    joined: frozenset[str] = frozenset()
    """Columns that it compares by USING, which the authorizer does not hear of."""
    natural: bool = False


class Refusal(Exception):
    """The statement names what cannot be read."""


def screen(sql: str, shield: Shield) -> Screened:
    """Return the statement with ``main.x`` led to the view of that name; raise Refusal.

    The text keeps its length, so that errors stay where they are.
    """
    found = list(tokens_of(sql))
    pieces, end = [], 0
    natural = any(token.text.upper() == "NATURAL" for token in found)
    joined = frozenset(_joined(found))
    shielded = shield.shielded
    for at, token in enumerate(found):
        if token.kind not in NAMES:
            continue
        if reason := shield.refused.get(token.name):
            raise Refusal(reason)
        owner = found[at - 2].name if at > 1 and found[at - 1].text == "." else ""
        if token.name in SCHEMA_TABLES and shield.views and (owner == "temp" or token.name in _TEMP_SCHEMA):
            raise Refusal("The schema of the temporary views cannot be read.")
        if token.name in SCHEMA_TABLES and shield.hides_sql and (natural or joined):
            raise Refusal("The text of the schema holds literals that may be secret.")
        if owner == "main" and token.name in shielded:
            main = found[at - 2]
            start = main.start + (main.kind != "name")
            pieces += [sql[end:start], "temp"]
            end = start + len("main")
    return Screened(sql="".join((*pieces, sql[end:])), joined=joined, natural=natural)


def _joined(found: Sequence[Token]) -> Iterable[str]:
    for at, token in enumerate(found[:-1]):
        if token.text.upper() == "USING" and found[at + 1].text == "(":
            for name in found[at + 2 :]:
                if name.text == ")":
                    break
                yield name.name


def literals_in(sql: str, known: frozenset[str]) -> bool:
    """Whether the text of a schema holds a literal: a string, bytes, or a number that is no size of a type.

    ``known`` are the names in use: SQLite takes a quoted name that nothing has for a string.
    """
    found = list(tokens_of(sql))
    for at, token in enumerate(found):
        before = found[at - 1].text.upper() if at else ""
        if before == "DEFAULT" and token.text.upper() not in ("NULL", "CURRENT_TIMESTAMP"):
            return True
        if token.kind == "quoted" and token.name not in known:
            return True
        if token.kind in LITERALS and (token.kind != "number" or _is_telling(found, at)):
            return True
    return False


def without_literals(sql: str) -> str:
    """Return the text of a schema with ``***`` for each literal, and for what may be one."""
    pieces, end, before = [], 0, ""
    for token in tokens_of(sql):
        if token.kind in LITERALS or before == "DEFAULT":
            pieces += [sql[end : token.start], "***"]
            end = token.start + len(token.text)
        before = token.text.upper()
    return "".join((*pieces, sql[end:]))


def _is_telling(found: Sequence[Token], at: int) -> bool:
    after = found[at + 1].text if at + 1 < len(found) else ""
    in_type = found[at - 1].text in ("(", ",") and after in (")", ",")
    return len(found[at].text) >= _MIN_DIGITS and not in_type


class SchemaFacts(Record, frozen=True, kw_only=True):
    """What the schema of a file says, as far as secrets are concerned."""

    kinds: Mapping[str, TableKind]
    columns: Mapping[str, list[tuple[Any, ...]]]
    """What ``PRAGMA table_xinfo`` says of each table."""
    sql_of: Mapping[str, str]
    """The CREATE statement of each table and view."""
    others: Sequence[tuple[str, str, str]]
    """Name, table and CREATE statement of each index and trigger."""
    telling_order: frozenset[str]
    """Tables with an index, or a primary key without rowids, over a secret: its order tells of it."""
    without_rowid: frozenset[str]


def build_shield(facts: SchemaFacts, secrets: frozenset[tuple[str, str]]) -> Shield:
    """Return what is to be hidden; without any secret everything can be read, but for raw pages."""
    if not secrets:
        reason = f"{_TELLING['sqlite_dbpage']}."
        return Shield(refused={"sqlite_dbpage": reason}, denied=frozenset({"sqlite_dbpage"}))
    owners = {table for table, _ in secrets}
    virtual = [name for name, kind in facts.kinds.items() if kind is TableKind.VIRTUAL]
    storage = {
        name: owner
        for name in facts.kinds
        if (owner := _stores_for(name, facts, owners, virtual)) is not None
    }
    refused = {
        name: f"{reason}, also secret ones: {name} is not read here." for name, reason in _TELLING.items()
    }
    words = {name.lower() for name in storage if facts.kinds[name] is TableKind.VIRTUAL}
    for name, owner in storage.items():
        refused[name.lower()] = f"{name} keeps the secret columns of {owner} and is not read here."
    masking = tuple(
        (name.lower(), _masking_view(name, facts, secrets))
        for name, kind in facts.kinds.items()
        if kind is not TableKind.VIEW and name.lower() in owners and name.lower() not in refused
    )
    return Shield(
        secrets=secrets,
        views=(*masking, *_views_of_the_file(facts, masking, refused)),
        refused=refused,
        denied=frozenset(_TELLING) | words,
        quiet=frozenset(name.lower() for name in storage) - words,
        hides_sql=_tells_literals(facts, secrets),
    )


def _views_of_the_file(
    facts: SchemaFacts, masking: tuple[tuple[str, str], ...], refused: dict[str, str]
) -> list[tuple[str, str]]:
    """Return the views of the file as temporary ones; those that cannot be are added to ``refused``."""
    names = [name for name, kind in facts.kinds.items() if kind is TableKind.VIEW]
    while True:
        # A view on a refused one is refused too, whichever comes first.
        known = len(refused)
        standing = tuple((name.lower(), "") for name in names if name.lower() not in refused)
        shield = Shield(views=(*masking, *standing), refused=refused)
        views: list[tuple[str, str]] = []
        for name in names:
            if name.lower() in refused:
                continue
            try:
                views.append((name.lower(), _temporary(facts.sql_of[name], shield)))
            except Refusal as reason:
                refused[name.lower()] = f"The view {name} cannot be read here. {reason}"
        if len(refused) == known:
            return views


def _stores_for(name: str, facts: SchemaFacts, owners: set[str], virtual: Sequence[str]) -> str | None:
    """Return the virtual table with secrets whose words or content ``name`` keeps."""
    if facts.kinds[name] is TableKind.SHADOW:
        beginning = [owner for owner in virtual if name.lower().startswith(f"{owner.lower()}_")]
        owner = max(beginning, key=len, default=None)
        return owner if owner is not None and owner.lower() in owners else None
    if facts.kinds[name] is TableKind.VIRTUAL:
        sql = facts.sql_of.get(name, "")
        return next(
            (
                owner
                for owner in virtual
                if owner != name and owner.lower() in owners and _lists_words_of(sql, owner)
            ),
            None,
        )
    return None


def _lists_words_of(sql: str, owner: str) -> bool:
    names = [token.name for token in tokens_of(sql) if token.kind in NAMES]
    return owner.lower() in names[1:] and bool({"fts5vocab", "fts4aux"} & set(names))


def _masking_view(name: str, facts: SchemaFacts, secrets: frozenset[tuple[str, str]]) -> str:
    shown = [row[1] for row in facts.columns[name] if row[6] != 1]
    columns = [
        f"NULL AS {quoted(column)}" if (name.lower(), column.lower()) in secrets else quoted(column)
        for column in shown
    ]
    order = ""
    if name in facts.telling_order:
        order = " NOT INDEXED"
        if name in facts.without_rowid:
            plain = [quoted(column) for column in shown if (name.lower(), column.lower()) not in secrets]
            # With a limit the order is a part of the answer, which no optimisation leaves out.
            order += f" ORDER BY {', '.join(plain) or 'NULL'} LIMIT -1"
    return f"{quoted(name)} AS SELECT {', '.join(columns)} FROM main.{quoted(name)}{order}"


def _temporary(create: str, shield: Shield) -> str:
    """Return the statement of a view of the file for a temporary one; raise Refusal."""
    begin = "CREATE VIEW "
    if not create.startswith(begin):
        raise Refusal("Its statement is not as SQLite writes it.")
    return screen(create, shield).sql.removeprefix(begin)


def _tells_literals(facts: SchemaFacts, secrets: frozenset[tuple[str, str]]) -> bool:
    owners = {table for table, _ in secrets}
    names = (*facts.kinds, *(name for name, _, _ in facts.others))
    known = frozenset(name.lower() for name in names) | frozenset(
        row[1].lower() for rows in facts.columns.values() for row in rows
    )
    texts = [sql for _, table, sql in facts.others if table.lower() in owners]
    for name, sql in facts.sql_of.items():
        mentioned = {token.name for token in tokens_of(sql) if token.kind in NAMES}
        if facts.kinds.get(name) is not TableKind.VIRTUAL and owners & mentioned:
            texts.append(sql)
    return any(literals_in(text, known) for text in texts)
