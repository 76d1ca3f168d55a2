"""What bundles say, as rows: tickets, experiments, their evidence."""
