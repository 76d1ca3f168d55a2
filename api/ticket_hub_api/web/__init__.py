"""What all doors share that speak HTTP: requests, routes, contents, problems, kept answers."""
