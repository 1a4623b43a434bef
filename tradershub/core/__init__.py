"""The floor every app stands on: fields, errors, registry, queue, audit, keys. Knows no app."""
