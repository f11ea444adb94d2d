# The question, and the class that answers it.
name: "my_project"
desc: How strongly should a linear classifier of digits be regularized?
pipeline: training:Training # this class of training.py
settings:
  epochs: 20
