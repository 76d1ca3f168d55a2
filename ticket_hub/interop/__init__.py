"""Tickets of other systems brought into bundles, and tickets in the forms of other libraries."""
