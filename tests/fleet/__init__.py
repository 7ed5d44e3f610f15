# SPDX-License-Identifier: ISC
"""Tests of many MTAs' review, with a PostgreSQL of their own."""
