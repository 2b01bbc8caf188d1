"""`python -m bench`: all benchmarks, one after the other; 1 if one of them found a fault."""

from __future__ import annotations

import sys

from bench import config, engine, load, micro

if __name__ == "__main__":
    micro.main()
    config.main()
    engine.main()
    sys.exit(load.main())
