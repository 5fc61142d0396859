"""ControlNets and T2I-Adapters: what they fit, how they are loaded, and how a pipeline is steered by them."""
