"""Airflow 2.11 and 3: a connection type, operators, a sensor and triggers. Nothing here is loaded by the rest of the library."""
