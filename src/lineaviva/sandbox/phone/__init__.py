"""A phone that exists only on disk: an LPA and a software eUICC that download profiles from a real SM-DP+."""
