"""Pure: evidence, verdicts, forecasts. Counts go in, a verdict with its reasons comes out."""
