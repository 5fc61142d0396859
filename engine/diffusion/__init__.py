"""The diffusion panel: denoising loops and guidance, for any model that can say what the clean latents are."""
