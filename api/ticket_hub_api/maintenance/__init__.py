"""What an operator runs beside the service: collecting what nothing needs, and finding damage."""
