"""``python -m experiment_manager`` is the command line."""

from experiment_manager.cli.main import main

if __name__ == "__main__":
    main()
