"""Statistics over the repeats of trials: what the runs show, and what they cannot tell.

Every function is pure: the same numbers give the same answer, random resampling included. What
the answers rest on, each reasoned where it stands:

- ``describe``: a run that failed, is missing or ended in NaN or infinity is counted, never
  averaged and never dropped unseen.
- ``compare``: trials that share their seeds are compared seed by seed with the paired t test,
  others with Welch's; every pair of trials is told apart under one Holm correction.
- ``best``: the trial with the best mean was chosen for its values, so what it is said to beat is
  corrected for as though all pairs had been tested.
- A test that could not have been significant, whatever the values, says so instead of "no
  difference"; so do values without any spread. That trials are equal is never concluded from a
  large p, only from an equivalence test against a margin that the reader names.

The distribution functions are SciPy's (the extra ``results``), loaded when first called.
"""
