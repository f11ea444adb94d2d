"""The steps from one version of the schema to the next, as Alembic runs them.

``db/upgrade.py`` is what calls them. A step is never changed once it was released, and takes
nothing from ``db/schema.py``: that goes on, while a step stays where it was.

The next step: ``versions/version_<n>.py`` with its ``revision``, ``down_revision`` and
``upgrade``; ``SCHEMA_VERSION`` in ``db/schema.py``; a database of the version before it in the
tests' assets.
"""
