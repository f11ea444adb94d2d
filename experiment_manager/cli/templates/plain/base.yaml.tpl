# What all trials share; a trial may override any of it.
settings:
  learning_rate: 0.03
callbacks:
  - type: early_stopping # stops where val_loss no longer improves
    metric: val_loss
    patience: 5
  - type: checkpoint # a run that is killed goes on from here
    interval: 5
    monitor: val_loss
    save_top_k: 1
