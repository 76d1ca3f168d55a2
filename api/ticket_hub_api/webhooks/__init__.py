"""Webhooks: others are told of pushes and verdicts, at addresses that the operator allows."""
