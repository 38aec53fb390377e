"""What a user writes and reads: serin.dev as pydantic models, and the CRDs made from them."""
