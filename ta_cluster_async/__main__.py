"""`python -m ta_cluster_async` is the command `ta-cluster`."""

from .cli.main import main

if __name__ == "__main__":
    main()
