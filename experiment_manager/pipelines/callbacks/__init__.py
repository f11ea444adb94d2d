"""What acts on a training while it runs, each callback in a file of its own."""
