"""The command line: parses, calls, prints; nothing is decided here.

Only ``click`` is imported at the top of ``main``; everything else loads inside the command
that needs it, so that ``--help`` answers at once.
"""
