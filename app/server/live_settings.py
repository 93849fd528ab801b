"""The settings of a running server: what is in force and who set it, and changes that take effect at once."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from app.catalogue.audit_note import AuditNote
from app.catalogue.catalogue import Catalogue
from app.catalogue.holds import Waiting
from app.catalogue.kept_settings import KeptSetting
from app.config.configured import ConfiguredServer
from app.config.describe import described, split, text_of, value_of
from app.config.sections import ServerSettings
from app.server.limits import Limits
from app.server.problems import Refused
from app.server.removal import settled_audit, settled_keep
from streams.model.failures import ConfigRejected, TidewatchError
from streams.model.server_settings import ServerSetting, ServerSettingEdit, ServerSettingsSheet
from streams.model.settings import SettingSource

log = structlog.stdlib.get_logger(__name__)

SECTION: Final = "server"
ON_THE_SERVER: Final = "Changed on the server's machine only, in its configuration file: "
FIXED: Final[Mapping[str, str]] = {
    "host": "a wrong address keeps every console and agent out.",
    "port": "a wrong port keeps every console and agent out.",
    "tls_certificate": "it names a file of that machine.",
    "tls_key": "it names a file of that machine.",
    "insecure_http": "it lets tokens and files be read on the way.",
    "trusted_proxies": "who is named there can give any address as its own.",
    "catalogue_backup_dir": "it names a folder of that machine, and the catalogue is copied there.",
    "databases": "whoever names a file there can read it.",
}
"""What no token may change, and why; it is read when the server starts."""
LIVE: Final = tuple(key for key in ServerSettings.model_fields if key not in FIXED)
"""What can be changed while the server runs; each is a field of ``Limits``."""
WHEN_LESS: Final[Mapping[str, str]] = {
    "keep_deleted_days": "Deleted files that are older are purged, and cannot be undeleted any more.",
    "destroy_delay_h": "There is less time to take a removal back, and deleted files are purged sooner.",
    "audit_days": "Rows of the audit record that are older are removed.",
    "keep_events_days": "Events that are older are purged.",
    "catalogue_backups": "Copies of the catalogue above that number are deleted.",
}
"""What is destroyed after a value was made less."""
NEXT_START: Final = "when the server starts again"


class LiveSettings:
    """Reads and changes the settings of this server; the one place that changes its ``Limits``."""

    def __init__(self, *, configured: ConfiguredServer, limits: Limits, catalogue: Catalogue) -> None:
        self._configured = configured
        self._limits = limits
        self._catalogue = catalogue
        self._kept: dict[str, KeptSetting] = {}
        """What was set through the server and is in force."""
        self._changing = asyncio.Lock()

    async def begin(self, *, audited: bool) -> None:
        """Put in force what was set before the start.

        With ``audited`` a row is noted for each setting that differs from the start before.
        """
        self._take(await self._catalogue.settings.all())
        if audited:
            values = self._configured.settings.model_dump(mode="json")
            values |= {key: getattr(self._limits, key) for key in LIVE}
            await self._catalogue.audit.note_settings(
                {f"{SECTION}.{key}": str(value) for key, value in values.items()}
            )

    def _take(self, kept: Mapping[str, KeptSetting]) -> None:
        """Put kept values in force where nothing goes before them; the others have the configured ones."""
        self._kept = {}
        for key in LIVE:
            value, setting = getattr(self._configured.settings, key), kept.get(key)
            if setting is not None and not self._is_given(key):
                try:
                    value = _checked(key, setting.text)
                    self._kept[key] = setting
                except ConfigRejected as error:  # of a release that allowed it
                    log.error("setting_ignored", setting=f"{SECTION}.{key}", reason=error.line())
            setattr(self._limits, key, value)

    def _is_given(self, key: str) -> bool:
        """Whether command line or environment say it, which go before what is kept."""
        return self._configured.source(key)[0] in (SettingSource.FLAG, SettingSource.ENVIRONMENT)

    async def sheet(self) -> ServerSettingsSheet:
        """Return all settings as they are in force now."""
        waiting = await self._catalogue.holds.waiting()
        settings = [self._setting(key, waiting.get(key)) for key in ServerSettings.model_fields]
        return ServerSettingsSheet(settings=tuple(settings))

    def _setting(self, key: str, waiting: Waiting | None = None) -> ServerSetting:
        configured, kept = getattr(self._configured.settings, key), self._kept.get(key)
        value = getattr(self._limits, key) if key in LIVE else configured
        source = (SettingSource.SERVER, "") if kept is not None else self._configured.source(key)
        told: dict[str, Any] = msgspec.structs.asdict(described(SECTION, key, value, source))
        told["takes_effect"] = NEXT_START if key in FIXED else ""
        held = waiting is not None and waiting.wished == value
        return ServerSetting(
            **told,
            configured=text_of(configured),
            set_by=kept.by if kept is not None else "",
            set_at=kept.at if kept is not None else None,
            refusal=self._refusal(key),
            held=text_of(waiting.value) if waiting is not None and held else "",
            held_until=waiting.until if waiting is not None and held else None,
            when_less=WHEN_LESS.get(key, ""),
        )

    def _refusal(self, key: str) -> str:
        where, name = self._configured.source(key)
        if self._is_given(key):
            by = "the command line" if where is SettingSource.FLAG else f"the variable {name}"
            return f"Fixed by {by} of the server, which goes before what is set here."
        return f"{ON_THE_SERVER}{FIXED[key]}" if key in FIXED else ""

    async def change(
        self, changes: Sequence[ServerSettingEdit], *, by: str, order: AuditNote
    ) -> ServerSettingsSheet:
        """Put changes in force, all or none, and return what holds then; ``order`` becomes a row for each.

        Raises ``Refused`` for what is no setting, may not be changed here, is not allowed, or is another
        value by now than the one that was seen.
        """
        async with self._changing:
            edits = self._edits(changes)
            values = {
                key: getattr(self._configured.settings, key) if text is None else _checked(key, text)
                for key, text in edits.items()
            }
            notes = [self._note(order, key, value, edits[key]) for key, value in values.items()]
            kept = await self._catalogue.settings.change(
                edits,
                by=by,
                audited={f"{SECTION}.{key}": str(value) for key, value in values.items()},
                notes=notes,
                about=", ".join(f"{note.target}: {note.detail}" for note in notes),
            )
            self._take(kept)
            await self._settle()
            return await self.sheet()

    def _edits(self, changes: Sequence[ServerSettingEdit]) -> dict[str, str | None]:
        edits: dict[str, str | None] = {}
        for change in changes:
            try:
                section, key = split(change.name)
            except ConfigRejected as error:
                raise Refused("unknown_setting", error.message) from None
            if section != SECTION:
                raise Refused("unknown_setting", f"{change.name} is not a setting of the server.")
            if key in edits:
                raise Refused("bad_request", f"{change.name} is named twice.")
            now = self._setting(key)
            if now.refusal:
                raise Refused("setting_fixed", f"{change.name} cannot be changed here.", detail=now.refusal)
            if change.before != now.value:
                by = f" by {now.set_by}" if now.set_by else ""
                raise Refused(
                    "setting_changed",
                    f"{change.name} was changed meanwhile{by}: it is {now.value}, not {change.before}.",
                    detail="Look at the new value and change it again.",
                )
            edits[key] = None if change.value is None else _written(key, change.value)
        return edits

    def _note(self, order: AuditNote, key: str, value: Any, text: str | None) -> AuditNote:
        given_up = " (as configured)" if text is None else ""
        before = text_of(getattr(self._limits, key))
        detail = f"{before} to {text_of(value)}{given_up}"
        return msgspec.structs.replace(order, target=f"{SECTION}.{key}", detail=detail)

    async def _settle(self) -> None:
        """Let the time begin for which former, longer times still hold."""
        try:
            await settled_keep(self._catalogue, self._limits)
            await settled_audit(self._catalogue, self._limits)
        except TidewatchError as failure:  # it begins with the next purge instead
            log.warning("hold_not_begun", reason=failure.line())


def _checked(key: str, text: str) -> Any:
    """Return the value that a text means, as the model of the configuration has it; raise ConfigRejected."""
    value = value_of(f"{SECTION}.{key}", text)
    return getattr(ServerSettings(**{key: value}), key)


def _written(key: str, text: str) -> str:
    """Return a text that was typed as the setting is written; raise ``Refused`` where it may not be that."""
    try:
        written = text_of(_checked(key, text))
        _checked(key, written)
    except ConfigRejected as error:
        raise Refused("setting_rejected", error.message, detail=error.hint) from None
    return written
