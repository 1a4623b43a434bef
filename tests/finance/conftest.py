from hypothesis import settings

# A busy machine is slow at times: properties are judged by their outcome, not by the clock.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
