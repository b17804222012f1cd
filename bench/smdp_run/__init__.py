"""The parts of bench/smdp.py."""
