"""`make demo`: six versions of a model, real requests, and what Serin makes of them, told live."""
