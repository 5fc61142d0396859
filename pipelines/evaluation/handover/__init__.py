"""What a diffusion model should be handed of a draft: its text, its tokens, or the drafter's hidden states."""
