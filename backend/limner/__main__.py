# SPDX-License-Identifier: Apache-2.0
"""`python -m limner` is the `limner` command."""

from __future__ import annotations

from limner.cli.app import main

if __name__ == "__main__":
    main()
