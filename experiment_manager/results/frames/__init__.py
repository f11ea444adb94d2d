"""Data frames of what runs recorded: columns are made once, and handed to pandas, Arrow, Polars.

It needs NumPy, and of the three the one that is asked for.
"""
