# SPDX-License-Identifier: ISC
"""Memory that runs out in whole programs."""
