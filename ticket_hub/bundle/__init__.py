"""Bundles: the folder that carries tickets with their evidence."""
