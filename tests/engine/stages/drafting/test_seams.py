"""What is drawn anew fits what stands to its right and below, which no drafter has read yet."""

import torch

from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.stages.drafting.seams import EDGE_NATS, seams_of

DARK, LIGHT, HALF = range(3)  # HALF is dark on the left, and light on the right


def codebook() -> PatchCodebook:
    patches = torch.zeros(3, 2, 2, 3)
    patches[LIGHT], patches[HALF, :, 1] = 1, 1
    return PatchCodebook(patches.flatten(1), patch=2, grid=(2, 2), name="shades")


def test_edges_are_held_against_those_that_stand() -> None:
    tokens = torch.tensor([[[DARK, LIGHT], [DARK, DARK]]])
    stands = torch.tensor([[[False, True], [False, False]]])
    seams = seams_of(codebook(), tokens, stands, lean=[0.0], fits=[True])
    assert seams.weights(0).tolist() == [[-EDGE_NATS, 0, 0]]  # its right edge is light
    assert seams.weights(3).eq(0).all()  # what stands above it was read by the drafter
    stands = torch.tensor([[[False, False], [True, False]]])
    seams = seams_of(codebook(), tokens, stands, lean=[0.0], fits=[True])
    assert seams.weights(0).tolist() == [[0, -EDGE_NATS, -EDGE_NATS / 2]]  # its lower edge is dark


def test_a_row_that_leans_keeps_near_to_what_it_began_with() -> None:
    tokens = torch.tensor([[[DARK, LIGHT], [HALF, DARK]]] * 2)
    stands = torch.tensor([[[True, False], [False, False]]] * 2)
    seams = seams_of(codebook(), tokens, stands, lean=[0.0, 8.0], fits=[False, False])
    assert seams.weights(1).tolist() == [[0, 0, 0], [-8, 0, -4]]
    assert seams.weights(2).tolist() == [[0, 0, 0], [-4, -4, 0]]


def test_further_off_it_leans_less() -> None:
    tokens = torch.full((1, 1, 4), LIGHT)
    stands = torch.tensor([[[True, False, False, False]]])
    seams = seams_of(codebook(), tokens, stands, lean=[27.0], fits=[False])
    assert [float(seams.weights(i)[0, DARK]) for i in (1, 2, 3)] == [-27, -27 / 8, -1]
