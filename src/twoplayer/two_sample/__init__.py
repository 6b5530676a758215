"""Do two sets of samples come from the same distribution?"""
