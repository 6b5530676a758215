"""A trained run without training: sample, encode, reconstruct, translate, paths through the latent space."""
