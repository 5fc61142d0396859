"""Reference pictures for pipelines of diffusers: IP-Adapters, the image encoders that see for them."""
