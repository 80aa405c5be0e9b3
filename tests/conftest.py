"""What pytest is not to collect."""

# Makes the reference tables; needs torch and transformers, which the tests do not.
collect_ignore = ["reference/make_reference.py"]
