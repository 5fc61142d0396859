"""What a pipeline's text encoders are given: words of textual inversion, weights of words, prompts of any
length."""
