"""What a run was made of: code, packages, machine, command, data; and what differs between two."""
