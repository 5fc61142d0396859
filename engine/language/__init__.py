"""What a prompt says, read by rule: the syntax of other tools, which words count, and which facts they make."""
