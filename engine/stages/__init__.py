"""The stages that ship: one file each, one step of the chain each."""
