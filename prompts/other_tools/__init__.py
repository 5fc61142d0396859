"""How other tools say what a picture was made of; a file for each way of saying it."""
