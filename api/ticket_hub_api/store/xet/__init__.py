"""The Xet protocol: files as chunks, chunks in xorbs, and shards that say how they fit together."""
