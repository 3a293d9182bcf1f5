"""`python -m ta_cluster_async` is the command `ta-cluster`."""

from .cli import main

if __name__ == "__main__":
    main()
