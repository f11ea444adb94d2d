"""Plots as pictures, drawn by Matplotlib."""
