# What is compared. Run k of each trial has the same seed, so they can be compared pair by pair.
- name: small_network
  repeat: 3
  settings:
    hidden: 4

- name: large_network
  repeat: 3
  settings:
    hidden: 32
