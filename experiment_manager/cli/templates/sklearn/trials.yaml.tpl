# What is compared. Run k of each trial has the same seed, so they can be compared pair by pair.
- name: weak
  repeat: 3
  settings:
    alpha: 0.0001

- name: strong
  repeat: 3
  settings:
    alpha: 0.01
