"""What recipes call the models that take after reference pictures."""

ADAPTER = "ip-adapter"
IMAGE_ENCODER = "image-encoder"
