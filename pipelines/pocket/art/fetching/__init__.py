"""Packages of drawings, by npm or from a folder: fetched once, checked, and read without being unpacked."""
