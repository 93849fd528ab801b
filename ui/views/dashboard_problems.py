"""What is wrong with the server's own data, and what to do: catalogue, its copies, and the store."""

from dataclasses import dataclass

import flet as ft

from streams.bag import Streams
from streams.records.server import ServerStatus
from streams.snapshot import Snapshot
from streams.vocabulary import VerificationState
from ui.bound import BoundView
from ui.components.notice import Notice
from ui.context import Place, UiContext
from ui.format import Formatter
from ui.theme import GAP, Tone

MAX_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that somebody has to do something about."""

    text: str
    detail: str
    tone: Tone = Tone.BAD


def present_problems(status: ServerStatus, words: Formatter) -> tuple[Problem, ...]:
    """Return what is wrong, the worst first; nothing where all is well."""
    problems: list[Problem] = []
    catalogue, verification = status.catalogue, status.verification
    if catalogue.lost:
        text = "The catalogue is lost: the server takes nothing more, and no backup counts"
        problems.append(Problem(text, catalogue.lost))
    if verification is not None and verification.state is VerificationState.FAILING:
        text = "Stored contents cannot be verified"
        problems.append(Problem(text, verification.reason or "No reason was given; the log says more."))
    if catalogue.backup_problem:
        text = "The catalogue is not copied any more"
        problems.append(Problem(text, catalogue.backup_problem, Tone.WARNING))
    if catalogue.ages_judged_by is not None:
        text = "The server's clock jumped ahead and is not trusted yet"
        at = words.exact_time(catalogue.ages_judged_by)
        detail = f"Until the server was up for a day in all, retention and removal go by {at}."
        problems.append(Problem(text, detail, Tone.WARNING))
    return tuple(problems)


class ProblemsPart(BoundView):
    """A card under the safe line; nothing while all is well."""

    def __init__(self, *, streams: Streams, context: UiContext) -> None:
        def show_log() -> None:
            context.go(Place("logs", "errors"))

        self.bad = [
            Notice(ft.Icons.ERROR, Tone.BAD, verb="Show log", on_click=show_log) for _ in range(MAX_PROBLEMS)
        ]
        self.warning = [
            Notice(ft.Icons.WARNING_AMBER, Tone.WARNING, verb="Show log", on_click=show_log)
            for _ in range(MAX_PROBLEMS)
        ]
        self._shown: tuple[Problem, ...] = ()
        notices: list[ft.Control] = [notice.control for notice in (*self.bad, *self.warning)]
        # No card around them: three of them leave room for all that is above the activity at 1280x800.
        self._card = ft.Container(
            ft.Column(notices, spacing=6, tight=True),
            margin=ft.Margin.only(top=GAP),
            visible=False,
        )
        super().__init__(context=context, key="problems", content=self._card)
        self.bind(streams.status, self._show_status)

    def _show_status(self, snapshot: Snapshot[ServerStatus]) -> None:
        if snapshot.value is None:
            return
        problems = present_problems(snapshot.value, self.context.format)
        if problems == self._shown:
            return
        self._shown = problems
        for tone, notices in ((Tone.BAD, self.bad), (Tone.WARNING, self.warning)):
            told = [problem for problem in problems if problem.tone is tone]
            for number, notice in enumerate(notices):
                if number < len(told):
                    notice.show(told[number].text, told[number].detail)
                else:
                    notice.show("")
        self._card.visible = bool(problems)
        self.touch(self._card)
