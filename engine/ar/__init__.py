"""The autoregressive panel: sampling, and decoding with a static cache, for any causal language model."""
