"""One sentence for each event of the activity."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import flet as ft

from streams.model.server import Activity
from streams.model.vocabulary import EventKind, RunState
from ui.base.format import Formatter, counted, duration_text
from ui.base.theme import Tone, look


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """One line of the list."""

    clock: str
    exact: str
    icon: ft.IconData
    tone: Tone
    text: str
    client_id: str | None
    run_id: int | None = None


_PLAIN: Final[dict[EventKind, tuple[str, ft.IconData, Tone]]] = {
    EventKind.CLIENT_ENROLLED: ("{client} enrolled", ft.Icons.PERSON_ADD, Tone.OK),
    EventKind.CLIENT_ONLINE: ("{client} is online", ft.Icons.CHECK_CIRCLE, Tone.OK),
    EventKind.CLIENT_OFFLINE: ("{client} went offline", ft.Icons.CLOUD_OFF, Tone.QUIET),
    EventKind.CLIENT_DISCONNECTED: (
        "{client} was disconnected by an operator",
        ft.Icons.PAUSE_CIRCLE,
        Tone.QUIET,
    ),
    EventKind.CLIENT_ALLOWED: ("{client} is allowed again", ft.Icons.CHECK_CIRCLE, Tone.OK),
    EventKind.CLIENT_REVOKED: (
        "The token of {client} was revoked; it has to enrol again",
        ft.Icons.KEY_OFF,
        Tone.WARNING,
    ),
    EventKind.CLIENT_CHANGED: ("{client} has new settings", ft.Icons.TUNE, Tone.QUIET),
    EventKind.REMOVAL_PLANNED: ("{client} is to be removed", ft.Icons.AUTO_DELETE, Tone.WARNING),
    EventKind.REMOVAL_UNDONE: ("{client} is kept", ft.Icons.RESTORE, Tone.OK),
    EventKind.CLIENT_REMOVED: (
        "{client} was removed for good, with {files}",
        ft.Icons.DELETE_FOREVER,
        Tone.WARNING,
    ),
    EventKind.BACKUP_REQUESTED: ("Backup of {client} asked for", ft.Icons.SCHEDULE, Tone.QUIET),
    EventKind.RUN_STARTED: ("{client} began its backup", ft.Icons.SYNC, Tone.BUSY),
    EventKind.RUN_CHANGED: ("Protection of a backup of {client} changed", ft.Icons.LOCK_OUTLINE, Tone.QUIET),
    EventKind.FILES_CHANGED: ("{files} of {client} changed", ft.Icons.SYNC, Tone.BUSY),
    EventKind.FILES_DELETED: ("{files} of {client} deleted", ft.Icons.DELETE, Tone.QUIET),
    EventKind.FILES_UNDELETED: ("{files} of {client} brought back", ft.Icons.RESTORE_FROM_TRASH, Tone.OK),
    EventKind.FILES_VERIFIED: ("{files} of {client} verified", ft.Icons.CHECK_CIRCLE, Tone.OK),
    EventKind.FILE_DAMAGED: ("{files} of {client} damaged", ft.Icons.ERROR, Tone.BAD),
    EventKind.SERVER_STARTED: ("The server takes backups", ft.Icons.PLAY_CIRCLE, Tone.OK),
    EventKind.SERVER_STOPPING: ("The server is stopping", ft.Icons.SYNC, Tone.WARNING),
    EventKind.SETTINGS_CHANGED: ("Settings of the server changed", ft.Icons.TUNE, Tone.QUIET),
    EventKind.SERVER_STOPPED: ("The server has stopped taking backups", ft.Icons.PAUSE_CIRCLE, Tone.QUIET),
}
_ENDINGS: Final = {
    RunState.COMPLETE: "{client} backed up",
    RunState.PARTIAL: "{client} backed up in part",
    RunState.FAILED: "Backup of {client} failed",
    RunState.CANCELLED: "Backup of {client} cancelled",
}


def present_activity(activity: Activity, now: datetime, words: Formatter) -> ActivityLine:
    """Return one line: when, what in an icon, what in words, and whose it is."""
    removed = activity.kind is EventKind.CLIENT_REMOVED
    # Of a client that is gone the line has only the name, in the place of a reason.
    client = (activity.reason if removed else activity.client_name) or "all clients"
    if activity.kind is EventKind.RUN_FINISHED:
        state = activity.run_state or (RunState.COMPLETE if activity.reason is None else RunState.FAILED)
        shown = look(state)
        icon, tone = shown.icon, shown.tone
        text = present_ended(
            client,
            state,
            words,
            files=activity.files,
            sent_bytes=activity.bytes,
            lasted_s=activity.duration_s,
            reason=activity.reason,
        )
    else:
        pattern, icon, tone = _PLAIN[activity.kind]
        text = pattern.format(client=client, files=_files(activity.files))
        if activity.reason and not removed:
            text = f"{text}: {activity.reason}"
    same_day = activity.at.astimezone(words.zone).date() == now.astimezone(words.zone).date()
    return ActivityLine(
        clock=words.clock(activity.at) if same_day else words.moment(activity.at, now),
        exact=words.exact_time(activity.at),
        icon=icon,
        tone=tone,
        text=text,
        client_id=activity.client_id,
        run_id=activity.run_id if activity.kind is EventKind.RUN_FINISHED else None,
    )


def present_ended(
    client: str,
    state: RunState,
    words: Formatter,
    *,
    files: int | None,
    sent_bytes: int | None,
    lasted_s: float | None,
    reason: str | None,
) -> str:
    """Return how a backup ended, in one sentence; what is not known is left out."""
    parts = [_ENDINGS.get(state, "Backup of {client} ended").format(client=client)]
    if files is not None:
        parts.append(_files(files))
    if sent_bytes is not None:
        parts.append(words.size(sent_bytes))
    if lasted_s is not None:
        parts.append(duration_text(lasted_s))
    text = ", ".join(parts)
    return f"{text}: {reason}" if reason else text


def _files(count: int | None) -> str:
    if count is None:
        return "files"
    return counted(count, "file")
