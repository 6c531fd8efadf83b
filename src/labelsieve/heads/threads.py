"""One thread for a fit: many threads lose more time waiting for one another than they save."""

from contextlib import AbstractContextManager
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """While inside, BLAS and OpenMP of this process use one thread.

    Measured on two busy cores: a fit of 1,000 x 384 x 150 takes 4 s, and 25 s with two threads.
    """
    from threadpoolctl import threadpool_limits

    context: AbstractContextManager[Any] = threadpool_limits(1)
    return context
