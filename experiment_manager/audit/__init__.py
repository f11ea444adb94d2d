"""What the database says of files, held against the files that there are; only ever reads."""
