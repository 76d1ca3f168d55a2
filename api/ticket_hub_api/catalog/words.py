"""Searching by words: the same words, found by their beginnings, on both databases.

A text is cut into runs of letters and digits here, so that neither database's own idea of a word
matters: SQLite's FTS5 and PostgreSQL's tsvector are given the words as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from sqlalchemy import ColumnElement, literal_column, text
from sqlalchemy.orm import Session

from ticket_hub_api.store.ticket_tables import TicketEntry

__all__ = ["forget_words", "has_words", "set_words", "words_of"]

_WORD = re.compile(r"[^\W_]+")
MAX_WORDS = 200
_MAX_LENGTH = 64


def words_of(*texts: str) -> str:
    """The words of some texts in small letters, each once, in the order of the texts."""
    found = _WORD.findall(unicodedata.normalize("NFKC", " ".join(texts)).casefold())
    return " ".join(list(dict.fromkeys(word[:_MAX_LENGTH] for word in found))[:MAX_WORDS])


def set_words(session: Session, entries: Iterable[TicketEntry]) -> None:
    """Let tickets be found by their words; PostgreSQL keeps an index of the column itself."""
    if session.get_bind().dialect.name != "sqlite":
        return
    for entry in entries:
        session.execute(
            text("INSERT OR REPLACE INTO ticket_words(rowid, words) VALUES (:number, :words)"),
            {"number": entry.number, "words": entry.words},
        )


def forget_words(session: Session, numbers: Iterable[int]) -> None:
    """Let tickets no longer be found."""
    if session.get_bind().dialect.name != "sqlite":
        return
    for number in numbers:
        session.execute(text("DELETE FROM ticket_words WHERE rowid = :number"), {"number": number})


def has_words(query: str, *, sqlite: bool) -> ColumnElement[bool]:
    """The condition that a ticket has words that begin with all those of a query."""
    words = words_of(query).split()
    if sqlite:
        wanted = " AND ".join(f'"{word}"*' for word in words)
        inner = text("SELECT rowid FROM ticket_words WHERE words MATCH :wanted")
        return TicketEntry.number.in_(inner.bindparams(wanted=wanted).columns(TicketEntry.number))
    wanted = " & ".join(f"'{word}':*" for word in words)
    vector: ColumnElement[str] = literal_column(
        "array_to_tsvector(string_to_array(tickets.words, ' '))"
    )
    return vector.bool_op("@@")(text("CAST(:wanted AS tsquery)").bindparams(wanted=wanted))
