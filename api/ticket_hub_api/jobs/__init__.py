"""Finding and retraining as jobs: a durable queue, its workers, and what people see of it."""
