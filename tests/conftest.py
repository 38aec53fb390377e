"""What all tests share."""

from hypothesis import settings

# A busy machine makes an example slow, not wrong.
settings.register_profile("serin", deadline=None)
settings.load_profile("serin")
