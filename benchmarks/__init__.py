"""Benchmarks of ta_cluster_async: each command prints its figure and a peer's from the same run."""
