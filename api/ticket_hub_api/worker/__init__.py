"""The fourth door: a process that does the jobs of a hub."""
