"""LoRA weights, in every form and under every name that tools give them: merged into a pipeline, or worn by
rows."""
