"""Sharing what a replay found: a record beside the evidence of the tickets, on their hub."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from ticket_hub import home
from ticket_hub.bundle import layout
from ticket_hub.bundle.experiment_record import one_line
from ticket_hub.bundle.replay_record import ReplayedLevel, ReplayRecord, encode_replay
from ticket_hub.durable import write_bytes
from ticket_hub.errors import EvidenceError, HubAccessError, HubConflictError, HubError
from ticket_hub.evidence.reproduction import LevelReplay, ReplayReport
from ticket_hub.hub.base import Hub, Pushed
from ticket_hub.hub.connect import PUBLIC, connect
from ticket_hub.hub.huggingface import HuggingFaceHub
from ticket_hub.hub.peeking import peek
from ticket_hub.signing.keys import find_key
from ticket_hub.signing.replays import sign_replay

__all__ = ["push_replay", "replay_record"]

ATTEMPTS = 4
KEPT = "replay.json"


def replay_record(report: ReplayReport, *, by: str = "", key: str | None = None) -> ReplayRecord:
    """What a replay found, to be shared.

    Args:
        by: who made it; by default the user's name.
        key: to sign it with (see `ticket_hub.signing.keys.find_key`); None signs nothing.

    Raises:
        SignatureError: there is no such key.
    """
    facts = {one_line(name): one_line(text) for name, text in report.environment.items()}
    record = ReplayRecord(
        bundle=report.bundle,
        outcome=report.outcome,
        levels=tuple(map(_level, report.levels)),
        who=one_line(by) or one_line(home.user_name()),
        when=datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        environment=facts,
        differences=tuple(map(one_line, report.differences)),
    )
    return record if key is None else sign_replay(record, find_key(key))


def _level(level: LevelReplay) -> ReplayedLevel:
    return ReplayedLevel(
        level=level.level,
        outcome=level.outcome,
        trials=len(level.trials),
        claimed_trials=level.claimed_trials,
        claimed=level.claimed,
        found=level.found,
        furthest=max(abs(each.found - each.claimed) for each in level.trials),
    )


def push_replay(
    report: ReplayReport,
    repo: str,
    *,
    by: str = "",
    key: str | None = None,
    hub: str | Path | None = None,
    token: str | None = None,
) -> Pushed:
    """Add what a replay found to the tickets that are shared under `owner/name`.

    One file is added and nothing else changes, no signature either. On the public Hub it is
    proposed as a pull request; elsewhere it is committed. The folder of the replay has it, too.

    Args:
        by: who made it; by default who the hub says one is, or the user's name.
        key: to sign it with; None signs nothing.

    Raises:
        EvidenceError: the repository has other tickets than those that were replayed.
        HubAccessError: one may not write there; the error says what to do instead.
        SignatureError: there is no such key.
        HubError: the hub has no such repository, or does not answer.
    """
    there = connect(hub, token=token)
    record = replay_record(report, by=by or _account(there), key=key)
    data = encode_replay(record)
    kept = Path(report.run) / KEPT
    write_bytes(kept, data)
    name = layout.replay_file(hashlib.sha256(data).hexdigest())
    try:
        # One commit; a file of its own never stands against what others push meanwhile.
        for attempt in range(ATTEMPTS):
            snapshot, manifest = peek(there, repo)
            if manifest.id != record.bundle:
                raise EvidenceError(
                    f"{repo} now has other tickets than those that were replayed.",
                    "Replay those that it has: `ticket verify OWNER/NAME --replay --push`.",
                )
            try:
                return there.push(
                    repo,
                    [(name, kept)],
                    message=f"Replay by {record.who}: {record.outcome}",
                    parent=snapshot.commit,
                    create_pr=_is_public(there),
                )
            except HubConflictError:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError  # the last attempt has returned or raised
    except HubAccessError as error:
        raise HubAccessError(
            f"{error.problem} The record of the replay was not added to {repo}.",
            f"Ask its owner for the right to write, or to push {kept} as {name}.",
        ) from error


def _is_public(hub: Hub) -> bool:
    """Whether others than its owner can change a repository by pull requests alone."""
    return isinstance(hub, HuggingFaceHub) and hub.location == PUBLIC


def _account(hub: Hub) -> str:
    """Who one is on a hub; empty where it does not say."""
    if not isinstance(hub, HuggingFaceHub):
        return ""
    with contextlib.suppress(HubError):
        return hub.account()
    return ""
