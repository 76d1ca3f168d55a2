"""The pages that people read in a browser, rendered on the server."""
