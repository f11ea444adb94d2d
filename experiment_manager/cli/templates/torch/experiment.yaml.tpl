# The question, and the class that answers it.
name: "my_project"
desc: Does a larger network tell the two rings apart better?
pipeline: training:Training # this class of training.py
settings:
  epochs: 20
