__pycache__/
.pytest_cache/
outputs/
