# What is compared. Run k of each trial has the same seed, so they can be compared pair by pair.
- name: line
  repeat: 3
  settings:
    degree: 1

- name: cubic
  repeat: 3
  settings:
    degree: 3
