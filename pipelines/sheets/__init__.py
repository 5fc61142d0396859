"""Pictures and curves laid out on one sheet, with words on it; and pictures that move."""
