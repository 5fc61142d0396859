"""Pictures from outside: how their files are opened, what their pixels are, and what they say of themselves."""
