"""What an operator sees of a running service: log lines and figures."""
