"""The user's training and what surrounds it: lifecycle, callbacks, factory."""
