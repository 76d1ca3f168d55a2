"""What the service knows, in a database: accounts, repositories, commits, objects."""
