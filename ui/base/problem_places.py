"""The ways from a problem to its reason."""

from streams.model.problems import Problem
from streams.model.vocabulary import ProblemKind
from ui.base.context import Place


def place_of(problem: Problem) -> Place:
    """Return where the reason of a problem is seen."""
    if problem.client_id:
        return Place("clients", f"client:{problem.client_id}")
    if problem.kind is ProblemKind.DAMAGE:
        return Place("files", "damaged")
    if problem.kind in (ProblemKind.DISK_FULL, ProblemKind.DISK_LOW):
        return Place("analytics")
    return Place("logs", "errors")


def log_of(problem: Problem) -> Place:
    """Return the log lines of a problem's client, or the errors of the server."""
    show = f"client:{problem.client_id}:{problem.client_name}" if problem.client_id else "errors"
    return Place("logs", show)
