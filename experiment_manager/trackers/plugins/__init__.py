"""The trackers that come with the package, each in a file of its own."""
