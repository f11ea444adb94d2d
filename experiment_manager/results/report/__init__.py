"""A report on runs: one HTML file that needs no network and no other file.

``recorded`` reads what the tables and curves of a report rest on, ``contents`` holds it,
``sections`` and ``page`` write it. Pictures are drawn by Matplotlib (the extra ``plots``) and put
into the page as SVG whose colours follow those of the reader's screen.
"""
