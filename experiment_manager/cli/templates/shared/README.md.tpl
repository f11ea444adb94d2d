# my_project

```bash
experiment-manager plan .             # what would run, and what is done
experiment-manager run .              # do what is missing
experiment-manager show my_project    # the results
python -m pytest                      # one short run of the same code
```

| file | what it says |
|---|---|
| `experiment.yaml` | the question, the pipeline, the number of epochs |
| `base.yaml` | settings and callbacks that all trials share |
| `trials.yaml` | what the trials differ in, and how often each is repeated |
| `env.yaml` | where results go |
| `training.py` | the training itself |
