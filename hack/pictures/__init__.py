"""The picture and the numbers that `docs/concepts/analysis.md` shows: made by the judge itself, none invented."""
