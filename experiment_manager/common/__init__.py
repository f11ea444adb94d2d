"""The vocabulary that every other room speaks; imports nothing of the package."""
