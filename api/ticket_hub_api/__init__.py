"""The service: a team's own hub, and the pages and API around it."""
