"""Checkpoints in one file, as they are traded: what such a file holds, the configs that go with it, and the
folder of a pipeline that is put together from it and from parts that lie elsewhere."""
