# What all trials share; a trial may override any of it.
settings:
  batch_size: 32
  learning_rate: 0.01
callbacks:
  - type: early_stopping # stops where val_loss no longer improves
    metric: val_loss
    patience: 5
  - type: checkpoint # saves the model; a run that is killed goes on from here
    interval: 5
