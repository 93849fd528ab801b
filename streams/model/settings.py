"""Settings as the screen shows them: what each is, what it may be, what it is now, and why."""

from enum import StrEnum

from streams.model.base import Record


class SettingKind(StrEnum):
    """How a setting is written and edited."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    SWITCH = "switch"
    CHOICE = "choice"
    PATH = "path"
    LIST = "list"
    """Texts, one a line."""
    SECRET = "secret"
    """Can be set and taken away, never read."""


class SettingSource(StrEnum):
    """Where the value in force comes from; a later one goes before an earlier one."""

    DEFAULT = "default"
    FILE = "file"
    SERVER = "server"
    """Set by a console through the server, which keeps it."""
    ENVIRONMENT = "environment"
    FLAG = "flag"


class Setting(Record, frozen=True, kw_only=True):
    """One setting with its value in force."""

    section: str
    key: str
    kind: SettingKind
    about: str
    """One sentence on what it does."""
    unit: str = ""
    allowed: str = ""
    """Its range in words, as a refusal words it."""
    choices: tuple[str, ...] = ()
    default: str = ""
    """As it is written; empty where there is none."""
    value: str = ""
    """As it is written; always empty for a secret."""
    is_set: bool = False
    """Whether there is a value at all, for secrets and for what has no default."""
    source: SettingSource = SettingSource.DEFAULT
    source_name: str = ""
    """The file, variable or flag that it comes from."""
    takes_effect: str = ""
    """When a change takes effect, if not at once."""

    @property
    def name(self) -> str:
        """Section and key, as messages and the README name it."""
        return f"{self.section}.{self.key}"

    @property
    def fixed(self) -> bool:
        """Whether the file cannot change it, since environment or command line go before it."""
        return self.source in (SettingSource.ENVIRONMENT, SettingSource.FLAG)

    @property
    def changed(self) -> bool:
        """Whether the file says something about it."""
        return self.source is SettingSource.FILE


class SettingsSection(Record, frozen=True, kw_only=True):
    """Settings that belong together: a table of the file."""

    name: str
    about: str
    settings: tuple[Setting, ...]


class SettingsSheet(Record, frozen=True, kw_only=True):
    """All settings, and the file that they are kept in."""

    sections: tuple[SettingsSection, ...]
    file: str
    file_exists: bool = True

    def all(self) -> tuple[Setting, ...]:
        """Return every setting, in the order of the file."""
        return tuple(setting for section in self.sections for setting in section.settings)


class SettingChange(Record, frozen=True, kw_only=True):
    """What would become of one setting."""

    name: str
    before: str
    after: str


class CheckResult(Record, frozen=True, kw_only=True):
    """What one check of a connection found."""

    name: str
    passed: bool | None
    """None where it could not be made, because an earlier one failed or there is nothing to check."""
    message: str
    hint: str = ""
