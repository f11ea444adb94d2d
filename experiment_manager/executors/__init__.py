"""Where runs are executed; what they do is decided elsewhere."""
