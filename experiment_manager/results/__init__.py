"""The read side: what the database says, made ready for people."""
