"""Rows of the audit record that may be had: nobody fills a disk with them, or hides one behind many."""

from collections import OrderedDict
from collections.abc import Callable

from app.catalogue.audit_note import AuditNote
from streams.model.vocabulary import AuditAction

GUESSES_AT_ONCE, GUESSES_AN_HOUR = 200, 60
"""Rows of its own that each action of nobody known may have, such as a wrong token: one for each network
while it lasts. Those above are counted together, in one row a minute for each result."""
ROWS_AT_ONCE, ROWS_AN_HOUR = 1000, 250
"""The same for each action of each token: who has one fills no disk with rows either, and hides nothing else
that it does behind many rows of one kind."""
OF_THEIR_OWN = frozenset(
    {
        AuditAction.DELETE_FILES,
        AuditAction.REMOVE_CLIENT,
        AuditAction.CLIENT_REMOVED,
        AuditAction.UNPROTECT,
        AuditAction.ENROLMENT_CODE,
        AuditAction.ENROLMENT,
        AuditAction.ADD_TOKEN,
        AuditAction.REVOKE_TOKEN,
        AuditAction.REVOKE_CLIENT,
        AuditAction.CHANGE_SETTINGS,
        AuditAction.SET_QUOTA,
        AuditAction.AUDIT_PURGE,
        AuditAction.CATALOGUE_COPY,
        AuditAction.CATALOGUE_REPAIR,
        AuditAction.CATALOGUE_RESTORE,
    }
)
"""What destroys, or changes who may do it: unless it was refused, each has a row of its own."""
MAX_BUDGETS = 20_000


def has_own_row(note: AuditNote) -> bool:
    """Return whether a note is of what destroys, or changes who may."""
    return note.action in OF_THEIR_OWN and not note.result.startswith("refused")


class _Budget:
    """Rows that may be had at once, and so many more an hour."""

    __slots__ = ("_an_hour", "_left", "_looked_s", "_most")

    def __init__(self, most: float, an_hour: float, now_s: float) -> None:
        self._most, self._an_hour = most, an_hour
        self._left, self._looked_s = most, now_s

    def take(self, now_s: float) -> bool:
        grown = (now_s - self._looked_s) * self._an_hour / 3600
        self._left, self._looked_s = min(self._most, self._left + grown), now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class AuditBudgets:
    """A budget for each action of each token, and for each action of nobody known."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._budgets: OrderedDict[tuple[str, AuditAction], _Budget] = OrderedDict()

    def afford(self, note: AuditNote) -> bool:
        """Return whether a note may have a row of its own, and take that from its budget."""
        if has_own_row(note):
            return True
        key = (note.who, note.action)
        budget = self._budgets.pop(key, None)
        if budget is None:
            bounds = (ROWS_AT_ONCE, ROWS_AN_HOUR) if note.who else (GUESSES_AT_ONCE, GUESSES_AN_HOUR)
            budget = _Budget(*bounds, self._clock())
        self._budgets[key] = budget
        if len(self._budgets) > MAX_BUDGETS:
            self._budgets.popitem(last=False)
        return budget.take(self._clock())
