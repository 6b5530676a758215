"""Using a trained run: sample, encode, reconstruct, translate, latent paths; and reading samples from anywhere."""
