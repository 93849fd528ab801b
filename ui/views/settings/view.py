"""The settings view: the console's own in its file, the server's by the server; edited in place."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import flet as ft

from streams.model.failures import ConfigRejected
from streams.model.link import Link
from streams.model.server_settings import ServerSettingsSheet
from streams.model.settings import SettingSource, SettingsSheet
from streams.model.snapshot import Snapshot
from streams.ports.commands import Commands
from streams.ports.settings import SettingsPort
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.theme import GAP, INK, QUIET_INK, SIZE_BODY, STRONG, STRONG_FACE, VIEW_PADDING, small_text
from ui.components.confirm import Question, ask
from ui.components.data_table.table_surface import table_surface
from ui.components.toolbar import SearchField, toolbar
from ui.views.settings.connection import ConnectionCard
from ui.views.settings.field import FieldEvents, SettingField
from ui.views.settings.files import SettingsFiles
from ui.views.settings.parts import NotSaved, section_entry
from ui.views.settings.present import IN_FORCE, SERVER, TOKENS, fits, ordered, present_saved, present_section
from ui.views.settings.server import ServerSection
from ui.views.settings.tokens import TokensCard
from ui.views.shared.client_lookup import say_missing

_LIST_WIDTH = 200


class SettingsView(BoundView):
    """Sections at the left, the settings of one of them at the right; a search looks through all."""

    def __init__(
        self, *, settings: SettingsPort, streams: Streams, commands: Commands, context: UiContext
    ) -> None:
        self._settings = settings
        self._server = ServerSection(
            commands,
            context,
            act=self.act,
            touch=self.touch,
            page=lambda: self.page,
            on_typing=self._on_typing,
        )
        self._tokens = TokensCard(commands, context, act=self.act, touch=self.touch, page=lambda: self.page)
        self._files = SettingsFiles(settings, context, lambda: self.page)
        self._sheet: SettingsSheet | None = None
        self._fields: dict[str, SettingField] = {}
        self._field_events = FieldEvents(self._on_commit, self._on_take_back, self._on_typing, self.touch)
        self._drafts: dict[str, str | None] = {}
        self._saving = asyncio.Lock()
        self._section = str(context.prefs.get("settings.section", "ui"))
        self._text, self._lit, self._wanted = "", "", ""
        self._search = SearchField("Find a setting", self._on_search)
        self._where = small_text()
        self._connection = ConnectionCard(self._on_test, self._on_forget)
        self._list = ft.Column([], spacing=2, width=_LIST_WIDTH)
        self._title = ft.Text("", size=16, weight=STRONG, font_family=STRONG_FACE, color=INK)
        self._about = ft.Text("", size=SIZE_BODY, color=QUIET_INK)
        self._banner = NotSaved(on_discard=self._on_discard, on_again=self._save_soon)
        self._body = ft.Column([], spacing=0, tight=True)
        self._scroll = ft.Column(
            [
                ft.Container(
                    ft.Column([self._title, self._about], spacing=2, tight=True),
                    padding=ft.Padding.only(left=16, right=16, top=14, bottom=12),
                ),
                self._body,
            ],
            spacing=0,
            scroll=ft.ScrollMode.AUTO,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        surface = table_surface([self._scroll])
        buttons: list[ft.Control] = [
            _button("Import…", ft.Icons.FILE_OPEN_OUTLINED, lambda: self.act("Import", self._files.take())),
            _button("Export", ft.Icons.SAVE_ALT, lambda: self.act("Export", self._files.export())),
            _button("Reset all…", ft.Icons.RESTART_ALT, self._on_reset_all),
        ]
        self._of_file: list[ft.Control] = [self._where, *buttons]
        """What is about the console's file, and says nothing of the server."""
        super().__init__(
            context=context,
            key="settings",
            content=ft.Column(
                [
                    toolbar([self._search.control, self._where], buttons),
                    self._banner.control,
                    ft.Row(
                        [self._list, surface],
                        spacing=GAP,
                        expand=True,
                        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
                    ),
                ],
                spacing=GAP,
                expand=True,
            ),
            padding=VIEW_PADDING,
            expand=True,
        )
        self.bind(settings.sheet, self._show_sheet)
        self.bind(streams.server_settings, self._show_server)
        self.bind(context.link, self._show_link)

    # -- arriving

    def arrive(self, show: str) -> None:
        """Show a section, or one setting of it."""
        if self._sheet is None:
            self._wanted = show
            return
        section, _, key = show.partition(".")
        if section == SERVER and not self._server.asked:
            self._wanted = show
            self._choose(section)
            return
        self._wanted = ""
        if section not in self._sections() or (key and show not in self._fields):
            say_missing(self, f"setting {show}")
            return
        self.touch(*self._search.set(""))
        self._text, self._lit = "", show if key else ""
        self._choose(section)
        field = self._fields.get(show)
        if field is not None:
            # It can be scrolled to once it has been drawn.
            self.context.scheduler.schedule_relative(
                3 * self.context.frame_s, lambda *_: self._on_drawn(field)
            )

    @property
    def address(self) -> str:
        """The section."""
        return f"/{self._section}"

    def _on_drawn(self, field: SettingField) -> None:
        if self.looking and field.control in self._body.controls:
            self.act("Show the setting", self._reveal(field))

    async def _reveal(self, field: SettingField) -> None:
        await self._scroll.scroll_to(scroll_key=str(field.control.key), duration=0)
        await field.focus()

    def find(self) -> bool:
        """Put the keyboard into the search field."""
        self.act("Find", self._search.focus())
        return True

    def restyle(self) -> bool:
        """Nothing here depends on units, zone or density."""
        return True

    # -- drawing

    def _show_sheet(self, sheet: SettingsSheet) -> None:
        first = self._sheet is None
        self._sheet = sheet
        for setting in sheet.all():
            field = self._fields.get(setting.name)
            if field is None:
                self._fields[setting.name] = SettingField(setting, self._field_events)
            else:
                self.touch(field.show(setting))
        text = sheet.file if sheet.file_exists else f"{sheet.file} (made with the first change)"
        if self._where.value != text:
            self._where.value = self._where.tooltip = text
            self.touch(self._where)
        self.touch(*self._connection.show_values(self._meant()))
        if self.context.access is not None:
            self.touch(self._connection.show_kept(self.context.access.kept_in))
        if first:
            if self._section not in self._sections():
                self._section = ordered(sheet)[0]
            self._show_section()
            if self._wanted:
                self.arrive(self._wanted)

    def _show_server(self, snapshot: Snapshot[ServerSettingsSheet]) -> None:
        others = self._server.show(snapshot)
        self._fields |= self._server.fields
        if self._sheet is None:
            return
        if others:
            self._show_section()
        if self._wanted and self._server.asked:
            self.arrive(self._wanted)

    def _show_link(self, link: Link) -> None:
        self.touch(*self._tokens.show_link(link))
        self._server.show_link(link)
        if self._section == SERVER and not self._text and self._about.value != self._server.about:
            self._about.value = self._server.about
            self.touch(self._about)

    def _sections(self) -> list[str]:
        """Return the sections of the file, and behind them what is kept on the server."""
        return [*(ordered(self._sheet) if self._sheet else ()), SERVER, TOKENS]

    def _meant(self) -> Mapping[str, str]:
        saved = {setting.name: setting.value for setting in self._sheet.all()} if self._sheet else {}
        return saved | {name: text or "" for name, text in self._drafts.items()}

    def _choose(self, section: str) -> None:
        self._section = section
        self.context.prefs.put("settings.section", section)
        self._show_section()

    def _on_search(self, text: str) -> None:
        self._text, self._lit = text, ""
        self._show_section()

    def _show_section(self) -> None:
        sheet = self._sheet
        if sheet is None:
            return
        if self._text:
            known = (*sheet.all(), *self._server.settings)
            shown = [setting.name for setting in known if fits(setting, self._text)]
            self._title.value = f"Settings for “{self._text}”"
            self._about.value = f"{len(shown)} found." if shown else "No setting is called that or does that."
        elif self._section == SERVER:
            shown = self._server.names
            self._title.value, self._about.value = present_section(SERVER).title, self._server.about
        elif self._section == TOKENS:
            shown = []
            self._title.value = present_section(TOKENS).title
            self._about.value = "Kept on the server: who may look, operate, restore or destroy."
        else:
            section = next(part for part in sheet.sections if part.name == self._section)
            shown = [setting.name for setting in section.settings]
            self._title.value, self._about.value = present_section(section.name).title, section.about
        for name in shown:
            self._fields[name].highlight(name == self._lit)
        for name in self._fields.keys() - set(shown):
            self.context.end_typing(self._fields[name])  # the client tells nothing of a field that is gone
        top = [self._connection.control] if self._section == "connection" and not self._text else []
        if self._section == TOKENS and not self._text:
            top = [self._tokens.control]
        if self._section == SERVER and not self._text:
            top = [self._server.notice]
        of_file = bool(self._text) or self._section not in (SERVER, TOKENS)
        for control in self._of_file:
            if control.visible is not of_file:
                control.visible = of_file
                self.touch(control)
        self._body.controls = [*top, *(self._fields[name].control for name in shown)]
        self._list.controls = [
            section_entry(name, chosen=name == self._section and not self._text, on_choose=self._on_section)
            for name in self._sections()
        ]
        self.touch(self._scroll, self._list)
        if self._section == TOKENS and not self._text:
            self._tokens.open()

    def _on_section(self, name: str) -> None:
        self._text, self._lit = "", ""
        self.touch(*self._search.set(""))
        self._choose(name)

    def _on_typing(self, field: SettingField, typing: bool) -> None:
        (self.context.begin_typing if typing else self.context.end_typing)(field)

    # -- changing

    def _on_commit(self, name: str, text: str | None) -> None:
        field = self._fields[name]
        reason = self._settings.validate(name, text) if text is not None else None
        if reason is not None:
            self._drafts.pop(name, None)
            self.touch(field.refuse(reason))
            if field.entered:  # what is typed next is meant for the field, not for the keys of the console
                field.entered = False
                self.act("Type again", field.focus())
            return
        self._drafts[name] = text
        self._save_soon()

    def _save_soon(self) -> None:
        self.act("Save the settings", self._save())

    async def _save(self) -> None:
        """Save all that is meant; what is refused only together with the rest waits for the rest."""
        async with self._saving:  # what is asked for twice meanwhile is saved, and said, once
            drafts = dict(self._drafts)
            if drafts:
                await self._save_drafts(drafts)

    async def _save_drafts(self, drafts: Mapping[str, str | None]) -> None:
        try:
            await self._settings.save(drafts)
        except ConfigRejected as error:
            self.touch(*(self._fields[name].keep(text) for name, text in drafts.items()))
            self.touch(*self._banner.show(f"Not saved: {error.line()}"))
            self.touch(*self._connection.show_values(self._meant()))
            return
        for name, text in drafts.items():
            if name in self._drafts and self._drafts[name] == text:  # nothing else is meant by now
                del self._drafts[name]
        self.touch(*(self._fields[name].forget() for name in drafts if name not in self._drafts))
        self.touch(*self._banner.show(""))
        self._say_saved(drafts)

    def _say_saved(self, saved: Mapping[str, str | None]) -> None:
        text, detail = present_saved(self._sheet.all() if self._sheet else (), saved)
        if text == IN_FORCE and all(name.startswith("ui.") for name in saved):
            return  # one sees it
        say = self.context.messages.done if text == IN_FORCE else self.context.messages.info
        say(text, detail=detail)

    def _on_discard(self) -> None:
        names = list(self._drafts)
        self.touch(*(self._fields[name].forget() for name in names))
        self._drop(names)

    def _on_take_back(self, name: str) -> None:
        self._drop([name])

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            self._drafts.pop(name, None)
        self.touch(*self._connection.show_values(self._meant()))
        if not self._drafts:
            self.touch(*self._banner.show(""))

    def _on_reset_all(self) -> None:
        named = [s for s in self._sheet.all() if s.source is SettingSource.FILE] if self._sheet else []
        self.act("Reset all settings", self._files.reset(len(named)))

    # -- testing the connection

    def _on_test(self) -> None:
        self.act("Test the connection", self._test())

    async def _test(self) -> None:
        self.touch(self._connection.testing(True))
        try:
            results = await self._settings.test_connection(self._drafts)
            self._connection.show_results(results)
        finally:
            self.touch(self._connection.testing(False))

    def _on_forget(self) -> None:
        self.act("Forget the token", self._forget())

    async def _forget(self) -> None:
        access = self.context.access
        assert access is not None
        question = Question(
            title="Forget the token?",
            text="This console stays connected. Its next start asks for the server's key and a token again."
            " The token itself stays good until it is revoked, under Tokens.",
            verb="Forget",
        )
        if await ask(self.page, self.context, question):
            await access.forget()
            self.touch(self._connection.show_kept(access.kept_in))


def build_settings(streams: Streams, commands: Commands, context: UiContext) -> BoundView:
    """Return the settings view, or the words that there is nothing to be changed."""
    if context.settings is not None:
        return SettingsView(settings=context.settings, streams=streams, commands=commands, context=context)
    words = ft.Text("The configuration of this console cannot be changed from here.", color=QUIET_INK)
    return BoundView(context=context, key="settings", content=words, padding=VIEW_PADDING, expand=True)


def _button(label: str, icon: ft.IconData, on_click: Callable[[], None]) -> ft.TextButton:
    return ft.TextButton(label, icon=icon, on_click=lambda _: on_click())
