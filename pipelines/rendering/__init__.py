"""Batches of prompts rendered into a folder: pictures, results.jsonl, index.html, contact_sheet.png."""
