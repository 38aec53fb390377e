"""What a user writes and reads: the resources of serin.dev as pydantic models, and the CRDs made from them."""
