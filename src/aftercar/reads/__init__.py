"""What the sequencer saw: vector k-mers, screening kernels, split reads, depth, trimming, UMIs."""
