"""Plots as pages that show numbers under the pointer, drawn by Plotly."""
