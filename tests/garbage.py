"""What a test process has imported is not looked through for garbage again and again.

Holds `look_seldom`. Called as a test process starts, after it has imported, and in forked ones.
"""

import gc


def look_seldom() -> None:
    """dbt, Dagster and Great Expectations leave millions of objects that stay: at Python's own
    thresholds looking through them is a fifth of a build's CPU and most of a gate's.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
