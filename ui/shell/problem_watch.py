"""Tells of each problem once, and of its end; counts those that stand on the rail and in the title."""

from collections.abc import Callable, Sequence

from streams.model.problems import Problem
from streams.model.vocabulary import ProblemKind
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.problems import Standing, present_over, present_problem

MAX_TOASTS = 2
"""So many new problems at once are shown one by one; more are told in one line."""
_TOLD_ELSEWHERE = (ProblemKind.NO_CONNECTION, ProblemKind.SERVER_SILENT)
"""The bar under the top bar says it, and tells its end."""


class ProblemWatch(BoundView):
    """Nothing of it is seen; ``on_count`` is told how many problems count, and whether one is grave."""

    def __init__(
        self, *, streams: Streams, context: UiContext, on_count: Callable[[int, bool], None]
    ) -> None:
        self._on_count = on_count
        self._told: dict[str, tuple[Problem, int | None]] = {}
        """By key: the problem as it was told, and the number of its message."""
        self._first = True
        super().__init__(context=context, key="problem-watch", left=0, top=0, width=0, height=0)
        self.bind(context.problems.standing(streams.problems), self._show_standing)

    def _show_standing(self, standing: tuple[Standing, ...]) -> None:
        loud = [each for each in standing if each.loud]
        self._on_count(len(loud), any(each.problem.kind.grave for each in loud))
        now_known = {each.problem.key: each for each in standing if each.problem.kind not in _TOLD_ELSEWHERE}
        for key, (problem, number) in list(self._told.items()):
            if key not in now_known or now_known[key].problem.kind is not problem.kind:
                del self._told[key]
                self._tell_over(problem, number, gone=key not in now_known)
        fresh = [each for key, each in now_known.items() if key not in self._told]
        one_by_one = not self._first and len([each for each in fresh if each.loud]) <= MAX_TOASTS
        first, self._first = self._first, False
        for each in reversed(fresh):  # the worst is the newest message
            number = self._tell(each.problem, quiet=not one_by_one) if each.loud else None
            self._told[each.problem.key] = each.problem, number
        told = [each.problem for each in fresh if each.loud]
        if told and not one_by_one and not first:
            named = ", ".join(dict.fromkeys(problem.client_name or "server" for problem in told[:3]))
            more = " …" if len(told) > 3 else ""
            self.context.messages.warn(f"{len(told)} new problems: {named}{more}")
        if told and not first:
            self._show_outside(told)

    def _show_outside(self, told: Sequence[Problem]) -> None:
        """Have the system show what is new, where the window is not in front."""
        context = self.context
        if context.in_front:
            return
        if len(told) > MAX_TOASTS:
            named = ", ".join(dict.fromkeys(problem.client_name or "server" for problem in told))
            context.notify(f"{len(told)} new problems", named)
            return
        for problem in told:
            line = present_problem(problem, context.format, context.server_clock())
            context.notify(f"{line.subject}: {line.text}", line.why)

    def _tell(self, problem: Problem, *, quiet: bool) -> int:
        context = self.context
        line = present_problem(problem, context.format, context.server_clock())
        say = context.messages.error if problem.kind.grave else context.messages.warn
        in_bar = not problem.client_id and problem.kind is not ProblemKind.DAMAGE
        return say(f"{line.subject}: {line.text}", detail=line.why, quiet=quiet or in_bar, lead=problem)

    def _tell_over(self, problem: Problem, number: int | None, *, gone: bool) -> None:
        messages = self.context.messages
        if number is not None:
            messages.settle(number)
        if gone and problem.kind is ProblemKind.SERVER_STOPPED:
            messages.used_up(["stopped"])
        if gone and number is not None:
            messages.done(present_over(problem, self.context.server_clock()), quiet=True)
