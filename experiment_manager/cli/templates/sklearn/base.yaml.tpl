# What all trials share; a trial may override any of it.
settings:
  split_seed: 7 # the same split for every run: only the order of the images varies
  test_fraction: 0.2
  validation_fraction: 0.2
callbacks:
  - type: early_stopping # stops where val_loss no longer improves
    metric: val_loss
    patience: 5
  - type: checkpoint # saves the model; a run that is killed goes on from here
    interval: 5
