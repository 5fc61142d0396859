"""Adapters to diffusers: the pocket refiner, whole pipelines a part at a time, LoRA, latent spaces."""
