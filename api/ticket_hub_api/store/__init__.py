"""Bytes and their history, by digest: the database with all its tables, blobs, trees, chunks."""
