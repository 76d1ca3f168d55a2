"""The REST API: a door to the catalog and to jobs for programs."""
