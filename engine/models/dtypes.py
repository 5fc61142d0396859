"""In which number format a device multiplies most quickly."""

QUICK, PLAIN = "bfloat16", "float32"


def quick_dtype(device: str) -> str:
    """`bfloat16` where the device has units that multiply matrices of it; `float32` elsewhere.

    Such are a CPU with AMX (Intel's Xeon since 2023, for one), where a convolution of it takes a fifth of the
    time, and a GPU of NVIDIA's since 2020. On all others numbers of half the size would be slower or the same.

    Args:
        device: as torch calls it: `cpu`, `cuda:1`.
    """
    import torch

    if device == "cpu":
        return QUICK if torch.cpu.get_capabilities().get("amx_bf16") else PLAIN
    if device.startswith("cuda"):
        with torch.cuda.device(device):  # what is asked is asked of the current one
            return QUICK if torch.cuda.is_bf16_supported(including_emulation=False) else PLAIN
    return PLAIN
