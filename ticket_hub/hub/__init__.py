"""Hubs: where teams keep tickets."""
