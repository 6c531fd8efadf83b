"""For tests of plug-ins, ours and yours: toy pools, an engine that hashes, an oracle with noise, real digits."""

from labelsieve.testing.digits import write_digits
from labelsieve.testing.hashing import HashEngine
from labelsieve.testing.oracles import NoisyOracle
from labelsieve.testing.toys import Toy, toy_classes, toy_multilabel, toy_odd

__all__ = ["HashEngine", "NoisyOracle", "Toy", "toy_classes", "toy_multilabel", "toy_odd", "write_digits"]
