"""The details of one log line, at the right of the list: all it says, and where it leads."""

from collections.abc import Callable

import flet as ft

from streams.model.logs import LogLine
from streams.model.safe_text import label_text
from streams.model.vocabulary import LogLevel
from ui.base.context import Place
from ui.base.format import Formatter
from ui.base.theme import INK, MONO, QUIET_INK, SIZE_BODY, SelectableText
from ui.components.side_panel import Facts, SidePanel, foot_button, section
from ui.components.status_badge import StatusBadge
from ui.views.logs.present import LEVEL_LOOKS, SOURCE_WORDS, Lead, present_leads

_SMALL = 11.5
_TITLE_CHARS = 32


class LogDetails:
    """One line as a whole; ``control`` is not there until one is opened."""

    def __init__(
        self,
        formatter: Formatter,
        *,
        go: Callable[[Place], None],
        on_copy: Callable[[LogLine], None],
        on_around: Callable[[LogLine], None],
        on_link: Callable[[LogLine], None],
        on_close: Callable[[], object],
    ) -> None:
        self._format, self._go = formatter, go
        self._badge = StatusBadge(LEVEL_LOOKS[LogLevel.INFO])
        self._facts = Facts(
            {"at": "When", "source": "Said by", "logger": "Module", "correlation": "Request"},
            mono=("logger", "correlation"),
            font=MONO,
        )
        self._message = SelectableText("", size=SIZE_BODY, color=INK)
        self._fields = SelectableText("", size=_SMALL, font_family=MONO, color=INK)
        self._fields_part = section("Fields", self._fields)
        self._trace = SelectableText("", size=_SMALL, font_family=MONO, color=INK)
        self._trace_part = section("Exception", self._trace)
        self._leads = ft.Column([], spacing=2, tight=True)
        self._leads_part = section("Leads to", self._leads)
        body = ft.Column(
            [self._message, self._facts.control, self._leads_part, self._fields_part, self._trace_part],
            spacing=14,
        )
        self.panel = SidePanel(
            ft.Container(body, padding=ft.Padding.only(right=12, bottom=12)),
            on_close=on_close,
            label="Log line",
            subtitle=self._badge,
            foot=[
                foot_button("Copy", lambda: self._with_line(on_copy), filled=True),
                foot_button("Copy link", lambda: self._with_line(on_link)),
                foot_button(
                    "Around it", lambda: self._with_line(on_around), tooltip="Show all lines of that time"
                ),
            ],
        )
        self.control = self.panel.control
        self.control.visible = False
        self.line: LogLine | None = None

    def show(self, line: LogLine) -> None:
        """Show a line; the owner updates ``control``."""
        self.line = line
        self.control.visible = True
        self.panel.show(line.message)
        self._badge.set(LEVEL_LOOKS[line.level])
        self._message.value = label_text(line.message)
        self._message.visible = len(line.message) > _TITLE_CHARS  # a short one stands whole in the title
        at = line.at.astimezone(self._format.zone)
        self._facts.set("at", at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}")
        self._facts.set("source", SOURCE_WORDS[line.source])
        self._facts.set("logger", line.logger, line.logger)
        self._facts.set("correlation", line.correlation_id or "–")
        fields = {name: value for name, value in line.fields.items() if name != "exception"}
        self._fields.value = label_text("\n".join(f"{name} = {value}" for name, value in fields.items()))
        self._fields_part.visible = bool(fields)
        self._trace.value = label_text(line.fields.get("exception", ""))
        self._trace_part.visible = bool(self._trace.value)
        leads = present_leads(line)
        self._leads.controls = [self._lead(lead) for lead in leads]
        self._leads_part.visible = bool(leads)

    def close(self) -> None:
        """Show no line; the owner updates ``control``."""
        self.line = None
        self.control.visible = False

    def _with_line(self, act: Callable[[LogLine], None]) -> None:
        if self.line is not None:
            act(self.line)

    def _lead(self, lead: Lead) -> ft.Control:
        return ft.TextButton(
            content=ft.Text(lead.label, size=SIZE_BODY, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS),
            icon=ft.Icon(lead.icon, size=16, color=QUIET_INK),
            height=30,
            style=ft.ButtonStyle(padding=ft.Padding.symmetric(horizontal=8)),
            on_click=lambda _event: self._go(lead.place),
        )
