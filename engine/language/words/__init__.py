"""Words by themselves: which ask for something to be seen, their endings, the marks between them."""
