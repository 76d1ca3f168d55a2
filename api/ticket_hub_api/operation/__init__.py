"""What an operator does to a hub from the command line, with plain values in and out.

It works on the database and the storage themselves, so it needs no running service and may run
beside one. Each name is imported when it is used: who adds an account waits for nothing that
reads contents or changes a schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticket_hub.lazy import lazy_names

if TYPE_CHECKING:
    from ticket_hub_api.operation.accounts import (
        add_member,
        add_organization,
        add_user,
        create_token,
        list_accounts,
        list_tokens,
        revoke_token,
        set_disabled,
    )
    from ticket_hub_api.operation.index import (
        index_mirrored,
        migrate_database,
        rebuild_index,
    )
    from ticket_hub_api.operation.jobs import (
        list_quotas,
        list_workers,
        set_quota,
    )
    from ticket_hub_api.operation.local import local_pages
    from ticket_hub_api.operation.opening import (
        OperatorHub,
        open_hub,
        settings_of,
    )
    from ticket_hub_api.operation.service import (
        serve,
    )
    from ticket_hub_api.operation.storage import (
        back_up,
        collect_garbage,
        find_damage,
        restore,
    )
    from ticket_hub_api.operation.webhooks import (
        add_webhook,
        list_deliveries,
        list_webhooks,
        remove_webhook,
    )

__all__ = [
    "OperatorHub",
    "add_member",
    "add_organization",
    "add_user",
    "add_webhook",
    "back_up",
    "collect_garbage",
    "create_token",
    "find_damage",
    "index_mirrored",
    "list_accounts",
    "list_deliveries",
    "list_quotas",
    "list_tokens",
    "list_webhooks",
    "list_workers",
    "local_pages",
    "migrate_database",
    "open_hub",
    "rebuild_index",
    "remove_webhook",
    "restore",
    "revoke_token",
    "serve",
    "set_disabled",
    "set_quota",
    "settings_of",
]

_HOMES = {
    "OperatorHub": "opening",
    "add_member": "accounts",
    "add_organization": "accounts",
    "add_user": "accounts",
    "back_up": "storage",
    "collect_garbage": "storage",
    "create_token": "accounts",
    "find_damage": "storage",
    "index_mirrored": "index",
    "list_accounts": "accounts",
    "list_quotas": "jobs",
    "list_tokens": "accounts",
    "list_workers": "jobs",
    "local_pages": "local",
    "migrate_database": "index",
    "open_hub": "opening",
    "rebuild_index": "index",
    "restore": "storage",
    "revoke_token": "accounts",
    "serve": "service",
    "set_disabled": "accounts",
    "set_quota": "jobs",
    "settings_of": "opening",
    "add_webhook": "webhooks",
    "list_deliveries": "webhooks",
    "list_webhooks": "webhooks",
    "remove_webhook": "webhooks",
}

__getattr__ = lazy_names(__name__, _HOMES)
