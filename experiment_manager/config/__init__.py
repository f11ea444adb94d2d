"""Four YAML files in, a validated plan out; nothing here writes, imports user code or runs."""
