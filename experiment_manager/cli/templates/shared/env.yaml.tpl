# Where results go: into this folder, below the one that the command is given in.
workspace: "outputs/my_project"
# What is recorded besides log and database, for example:
# trackers:
#   - type: tensorboard
