"""What holds for every test."""

from hypothesis import HealthCheck, settings

# A busy machine is no defect: examples may take their time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")
