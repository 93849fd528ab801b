"""The server's own settings in the settings view: as the server tells them, changed by asking it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import flet as ft

from streams.model.failures import CommandFailed, TidewatchError
from streams.model.link import Link
from streams.model.server_settings import ServerSetting, ServerSettingEdit, ServerSettingsSheet
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health, Scope
from streams.ports.commands import Commands
from ui.base.context import UiContext
from ui.base.permissions import Permissions
from ui.base.theme import INK, RADIUS, SIZE_BODY, Tone
from ui.components.confirm import Question, ask
from ui.views.settings.field import FieldEvents, SettingField
from ui.views.settings.present import less_than, present_label, present_origin, present_taken

WAITING: Final = "Waiting for the server…"
LOADING: Final = "Reading the settings from the server…"
Act = Callable[[str, Coroutine[Any, Any, None]], None]


class ServerSection:
    """The fields of the server's settings; ``act`` runs commands, ``touch`` updates what is still shown."""

    def __init__(
        self,
        commands: Commands,
        context: UiContext,
        *,
        act: Act,
        touch: Callable[..., None],
        page: Callable[[], ft.Page],
        on_typing: Callable[[SettingField, bool], None],
    ) -> None:
        self._commands, self._context = commands, context
        self._act, self._touch, self._page = act, touch, page
        self._events = FieldEvents(self.commit, lambda _name: None, on_typing, touch)
        self.fields: dict[str, SettingField] = {}
        self._settings: dict[str, ServerSetting] = {}
        self._snapshot: Snapshot[ServerSettingsSheet] | None = None
        self._permissions, self._server_name = Permissions(), ""
        self._asking = asyncio.Lock()
        self._notice_text = ft.Text("", size=SIZE_BODY, color=INK, expand=True)
        self.notice = ft.Container(
            ft.Row(
                [ft.Icon(ft.Icons.INFO_OUTLINE, size=18, color=Tone.WARNING.color), self._notice_text],
                spacing=10,
                vertical_alignment=ft.CrossAxisAlignment.START,
            ),
            bgcolor=Tone.WARNING.tint(),
            border_radius=RADIUS,
            margin=ft.Margin.only(left=16, right=16, bottom=12),
            padding=ft.Padding.symmetric(vertical=8, horizontal=14),
            visible=False,
        )

    # -- what is known

    @property
    def settings(self) -> Sequence[ServerSetting]:
        """The settings as the server told them last."""
        return tuple(self._settings.values())

    @property
    def names(self) -> list[str]:
        """Their names, with what can be changed before what cannot."""
        return [setting.name for setting in sorted(self.settings, key=lambda each: each.fixed)]

    @property
    def asked(self) -> bool:
        """Whether the server has answered, or cannot be asked."""
        return self._snapshot is not None and self._snapshot.health is not Health.LOADING

    @property
    def about(self) -> str:
        """The words under the title."""
        name = self._server_name or "the server"
        return f"In force on {name}, and kept there. A change holds at once, for every console."

    def show(self, snapshot: Snapshot[ServerSettingsSheet]) -> bool:
        """Show what the server says; return whether there are other fields now."""
        before, self._snapshot = set(self.fields), snapshot
        if snapshot.value is not None:
            self._take(snapshot.value)
        self._show_standing()
        return set(self.fields) != before

    def show_link(self, link: Link) -> None:
        """Hold back what cannot be changed now, and say why."""
        permissions = Permissions.of(link)
        if (permissions, link.server_name) != (self._permissions, self._server_name):
            self._permissions, self._server_name = permissions, link.server_name
            self._show_standing()

    def _take(self, sheet: ServerSettingsSheet) -> None:
        for setting in sheet.settings:
            self._settings[setting.name] = setting
            field = self.fields.get(setting.name)
            if field is None:
                field = self.fields[setting.name] = SettingField(setting, self._events)
            field.tell(present_origin(setting, self._context.format))
            self._touch(field.show(setting))

    def _show_standing(self) -> None:
        """Show whether the settings are fresh and may be changed."""
        refused, snapshot = self._permissions.refusal(Scope.DESTROY), self._snapshot
        if snapshot is None or (snapshot.value is None and snapshot.failure is None):
            text = LOADING
        elif snapshot.value is None and snapshot.failure is not None:
            text = f"The server's settings could not be read: {snapshot.failure.message}"
        elif snapshot.failure is not None or self._permissions.lost:
            at = (
                self._context.format.exact_time(snapshot.at) if snapshot.at is not None else "an earlier time"
            )
            reason = snapshot.failure.message if snapshot.failure is not None else refused
            text = f"Showing last known settings, of {at}. {reason.rstrip('.')}."
        else:
            text = f"{refused}: settings of the server can be looked at, not changed." if refused else ""
        if (self._notice_text.value, self.notice.visible) != (text, bool(text)):
            self._notice_text.value, self.notice.visible = text, bool(text)
            self._touch(self.notice)
        for field in self.fields.values():
            self._touch(*field.hold(refused))

    # -- changing

    def commit(self, name: str, text: str | None) -> None:
        """Ask the server to change a setting; None gives up what was set there."""
        before = self.fields[name].seen
        self._act(f"Change {name}", self._change(name, text, before))

    async def _change(self, name: str, text: str | None, before: str) -> None:
        async with self._asking:
            field, setting = self.fields[name], self._settings[name]
            if not await self._may(setting, setting.configured if text is None else text):
                self._touch(field.forget())
                return
            self._touch(field.wait(WAITING))
            edit = ServerSettingEdit(name=name, value=text, before=before)
            try:
                sheet = await self._commands.change_server_settings([edit])
            except CommandFailed as error:
                self._touch(field.answered(error.line(), keep=error.server_code == "setting_rejected"))
                if field.entered and error.server_code == "setting_rejected":
                    field.entered = False
                    self._act("Type again", field.focus())
                return
            except TidewatchError as error:
                self._touch(field.answered(f"Not confirmed by the server: {error.line()}", keep=False))
                return
            finally:
                field.end_wait()
            self._take(sheet)
            self._touch(field.forget())
            text, detail = present_taken(self._settings[name], self._context.format)
            self._context.messages.done(text, detail=detail)

    async def _may(self, setting: ServerSetting, text: str) -> bool:
        """Ask first where less of something destroys what it kept."""
        if not (setting.when_less and less_than(text, setting.value)):
            return True
        label = present_label(setting.key).lower()
        question = Question(
            title=f"Change {label} from {setting.value} to {text} {setting.unit}?",
            text=setting.when_less,
            verb="Change",
            destructive=True,
            needs=Scope.DESTROY,
        )
        return await ask(self._page(), self._context, question)
