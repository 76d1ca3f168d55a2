"""What the service knows, in a database: accounts, repositories, commits, objects, tickets."""

from ticket_hub_api.catalog import ticket_tables

__all__ = ["ticket_tables"]  # so that whoever opens the database knows all of its tables
