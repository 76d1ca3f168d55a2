"""What a bundle needs that is not built in, and the package or file that its author had it from.

It is read to tell what is missing: nothing is ever imported for the sake of a bundle.
`needed_plugins` writes it down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ticket_hub.patterns import SHA256
from ticket_hub.plugin_origin import Plugin

__all__ = [
    "NETWORK",
    "PluginRecord",
    "are_possible",
    "is_possible",
    "plugin_lines",
    "plugin_notes",
    "remedy_for",
]

NETWORK = "network.name"
"""The key of a record that is about the network."""

MAX_RECORDS = 64
_TEXT = re.compile(r"[^\x00-\x1f\x7f`]{1,200}")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]{0,99}")
_FILE = re.compile(r"[\w-][\w.-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class PluginRecord(Plugin):
    """One thing that is not built in.

    Attributes:
        key: of the recipe that names it, such as `network.name`.
        name: what that key says.
    """

    key: str
    name: str


def remedy_for(records: Iterable[PluginRecord], key: str, name: str) -> str:
    """How to come by what a key of the recipe names; empty where nothing is on record."""
    found = (each for each in records if (each.key, each.name) == (key, name))
    return next((f"Its bundle names {each}. {each.remedy}" for each in found), "")


def plugin_lines(records: Iterable[PluginRecord]) -> list[str]:
    """Each plugin once, with what it is needed for, in a few words."""
    return [f"{plugin} for {what}" for plugin, what in _by_plugin(records)]


def plugin_notes(records: Iterable[PluginRecord]) -> list[str]:
    """How the plugins that are here differ from those of a bundle's author, a sentence each."""
    return [
        f"{plugin} was used for {what}; {plugin.difference}"
        for plugin, what in _by_plugin(records)
        if plugin.difference
    ]


def _by_plugin(records: Iterable[PluginRecord]) -> list[tuple[PluginRecord, str]]:
    groups: dict[str, list[PluginRecord]] = {}
    for each in records:
        groups.setdefault(str(each), []).append(each)
    return [
        (group[0], " and ".join(f"{each.key} = {each.name!r}" for each in group))
        for group in groups.values()
    ]


def are_possible(records: Sequence[PluginRecord]) -> bool:
    """Whether records of a bundle can be so: plain names, sorted, none twice."""
    keys = [(each.key, each.name) for each in records]
    return (
        len(records) <= MAX_RECORDS and keys == sorted(set(keys)) and all(map(is_possible, records))
    )


def is_possible(record: PluginRecord) -> bool:
    """Whether a record can be so: a package, a file, or neither, by plain names."""
    pairs = [(record.distribution, record.version), (record.file, record.sha256)]
    said = [pair for pair in pairs if pair != (None, None)]
    if len(said) > 1 or any(None in pair for pair in said):
        return False
    rules = (
        (_TEXT, record.key),
        (_TEXT, record.name),
        (_DISTRIBUTION, record.distribution),
        (_VERSION, record.version),
        (_FILE, record.file),
        (SHA256, record.sha256),
    )
    return all(value is None or rule.fullmatch(value) for rule, value in rules)
