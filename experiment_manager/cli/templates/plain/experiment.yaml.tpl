# The question, and the class that answers it.
name: "my_project"
desc: Does a cubic fit the points better than a line?
pipeline: training:Training # this class of training.py
settings:
  epochs: 20
