"""What records a training: the contract, the manager that fans out to many, the plugins."""
