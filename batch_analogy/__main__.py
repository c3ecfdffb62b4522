"""``python -m batch_analogy``, which is the same as ``batch-analogy``."""

from batch_analogy.cli import main

if __name__ == "__main__":
    main()
