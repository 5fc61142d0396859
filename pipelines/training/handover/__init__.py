"""Small refiners that are handed a draft's text, its tokens or the drafter's hidden states, to compare them."""
