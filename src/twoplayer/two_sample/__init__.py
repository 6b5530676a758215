"""Two-sample tests: do two sets of samples have the same distribution?"""
