"""The project's memory: the schema, one place that commits, typed rows."""
