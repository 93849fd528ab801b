"""A survey of a target: what it has already, as a restore that was cut leaves it, and what is in the way."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.agent.restore_plan import Item, Parts, RestorePlan
from app.agent.restore_tree import TargetTree
from streams.model.failures import ConfigRejected
from streams.model.vocabulary import EntryKind

MAX_CONFLICTS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Survey:
    """What is there already, under its own name or one that it was given."""

    folders: set[Parts] = field(default_factory=set)
    present: set[Parts] = field(default_factory=set)
    """Files, links and special files, whole."""


def look_around(
    tree: TargetTree, plan: RestorePlan, *, overwrite: bool, is_ended: Callable[[], bool]
) -> Survey:
    """Return what of a plan is there; raise ConfigRejected where other files have its names.

    It blocks, and reads each file whose size agrees; where ``is_ended`` it goes no further.
    """
    survey = Survey()
    in_the_way: list[Item] = []
    for item in plan.items:
        if is_ended():
            break
        if item.parts and tree.present(item, overwrite=overwrite):
            # A folder that is there is looked for too, as it may have another name.
            (survey.folders if item.kind is EntryKind.FOLDER else survey.present).add(item.parts)
        elif not overwrite and tree.stands_in_the_way(item):
            in_the_way.append(item)
    if in_the_way:
        raise _rejected(in_the_way)
    return survey


def _rejected(in_the_way: list[Item]) -> ConfigRejected:
    told = in_the_way[:MAX_CONFLICTS_TOLD]
    names = ", ".join(repr(b"/".join(item.parts).decode("utf-8", "replace")) for item in told)
    left = len(in_the_way) - len(told)
    more = f" and {left:,} more" if left else ""
    return ConfigRejected(
        f"Nothing was restored: the folder has other files of the names {names}{more} already.",
        hint="Restore into an empty folder, or give --overwrite.",
    )
