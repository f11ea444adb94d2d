"""Plots of runs: what each shows is computed once, and drawn for a file or for a browser.

- ``curves``, ``final``, ``importance``, ``parallel`` and ``confusion`` compute from runs what a
  plot shows, as frozen values with a title and a caption; the caption says how many runs each
  number rests on and what an interval means.
- ``static`` draws these values with Matplotlib, ``interactive`` with Plotly, both from the same
  numbers, axis limits and styles.
- ``saving`` writes the picture; the ending of the file's name tells how.

Both libraries belong to the extra ``plots`` and are loaded when the first plot is drawn.
"""
