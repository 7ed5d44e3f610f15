# SPDX-License-Identifier: ISC
"""Mail servers, a DNS and an MTA-STS host for the tests of tlsward probe."""
