#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limner's plug-in for GIMP 3. GIMP runs this file, whose folder must have its name; all else is in limner_gimp/."""

import sys

from limner_gimp.host.plugin import main

main(sys.argv)
