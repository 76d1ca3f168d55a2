"""Where the bytes are: objects named by their content, in a folder or an object store."""
